// Whether a call that began and has no result can be waited for, because its tool answers later: then nobody has to be asked.
import { toolStepId } from "../../contracts/step.ts";
import type { GateOptions, ToolAsk } from "./ask.ts";
import { idempotencyKey } from "./journal.ts";

export async function isAwaited(options: GateOptions, { turn, index, call }: ToolAsk): Promise<boolean> {
  const tool = options.toolBox.find(call.tool);
  return (await tool?.isAwaited?.(idempotencyKey(options, toolStepId(turn, index)))) ?? false;
}
