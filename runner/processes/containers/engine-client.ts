// Asks the client of a container engine something, and waits for its answer.

import type { Aftermath } from "../process-group.ts";
import { type Ran, runCommand } from "../run-command.ts";
import type { Engine } from "./containers.ts";

const CLIENT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Asked {
  readonly env?: Engine["env"];
  readonly timeoutMs?: number;
  readonly aftermath?: Aftermath;
  readonly signal?: AbortSignal;
}

/** Throws what {@link runCommand} throws. */
export function askEngine(
  engine: Engine,
  args: readonly string[],
  { env = engine.env, timeoutMs = CLIENT_MS, aftermath = {}, signal }: Asked = {},
): Promise<Ran> {
  const late = AbortSignal.timeout(timeoutMs);
  const command = { command: engine.program, args, cwd: "/", env };
  return runCommand(
    { command, output: "stdout", limitBytes: MAX_ANSWER_BYTES, aftermath },
    signal === undefined ? late : AbortSignal.any([signal, late]),
  );
}
