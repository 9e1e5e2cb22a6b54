// The points of the gate behind a call: what a model answered and what a tool returned, before anybody acts on it. Asked
// again by a takeover, which finds the answer recorded; where no policy can object, nobody is asked.
import type { Denial } from "../../contracts/decision.ts";
import { modelStepId, type StepId, type ToolCall, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import { saysAfter } from "../../policies/decide.ts";
import type { GateRequest } from "../../policies/request.ts";
import type { Denied, GateOptions } from "./ask.ts";
import { withLabels } from "./carried.ts";
import { denialResult, makeDenial } from "./denial.ts";
import type { Journal } from "./grant.ts";
import { budgetDrafts, decisionDraft, openJournal } from "./journal.ts";
import { type Judgement, judge, readSets, usageOf } from "./judge.ts";
import { factsOfTool } from "./tool-request.ts";

export interface AnswerAsk {
  readonly turn: number;
  /** The turn's own, where it is not said. */
  readonly step?: StepId;
  readonly model: string;
}

/** undefined: nothing is said against it. A model that is refused ends the task. */
export async function afterModel(options: GateOptions, { turn, step, model }: AnswerAsk): Promise<Denied | undefined> {
  const { subject } = options;
  if (!(await isAsked(options, "after_model"))) return undefined;
  const judgement = await judge(options, { point: "after_model", subject, model, usage: usageOf(options) });
  const { decision, permitted, ceilings } = judgement;
  if (decision.effect === "allow") return undefined;
  const journal = openJournal(options, { turn, step: step ?? modelStepId(turn, 0) });
  const spent = permitted
    ? []
    : budgetDrafts(journal, decision, { limit: ceilings.tokens, spent: usageOf(options).tokens, model });
  await options.recorder.record([decisionDraft(journal, "turn.decided", judgement, { model }), ...spent]);
  if (permitted) return undefined;
  return { outcome: "denied", denial: makeDenial(decision, { model }), decision, stop: true };
}

export interface ResultAsk {
  readonly turn: number;
  readonly index: number;
  readonly call: ToolCall;
}

/** undefined: the model may read it. `result` is what it reads instead, where it may go on. */
export async function afterTool(
  options: GateOptions,
  { turn, index, call }: ResultAsk,
): Promise<(Denied & { readonly result: ToolResult }) | undefined> {
  if (!(await isAsked(options, "after_tool"))) return undefined;
  const { subject, carried } = options;
  const tool = factsOfTool(options, call);
  const request: GateRequest = {
    point: "after_tool",
    subject,
    tool,
    usage: usageOf(options),
    ...withLabels(carried.list()),
  };
  const judgement = await judge(options, request);
  const { decision, permitted, refuseOnly } = judgement;
  if (decision.effect === "allow") return undefined;
  const journal = openJournal(options, { turn, step: toolStepId(turn, index) });
  const denial = makeDenial(decision, { tool: tool.name });
  await options.recorder.record(draftsOf(journal, judgement, tool.name, denial));
  if (permitted) return undefined;
  return { outcome: "denied", denial, decision, stop: !refuseOnly, result: denialResult(denial) };
}

function draftsOf(journal: Journal, judgement: Judgement, tool: string, denial: Denial): TraceDraft[] {
  const decided = decisionDraft(journal, "tool.decided", judgement, { tool });
  if (judgement.permitted) return [decided];
  return [decided, journal.draft("tool.denied", { tool, ...denial, decisionId: judgement.decision.decisionId })];
}

async function isAsked(options: GateOptions, point: "after_model" | "after_tool"): Promise<boolean> {
  const { sets, isWhole } = await readSets(options);
  return !isWhole || sets.some((set) => saysAfter(point, options.subject, set));
}
