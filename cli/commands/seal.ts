// `seal`: seals the state with COUNTWHEEL_STATE_KEY, where the key is new or another one is now the first.
import { PermanentFailure } from "../../contracts/failure.ts";
import { type SealAnswer, sealState } from "../../store/scripts/seal-state.ts";
import { sealTasks } from "../../store/seal-tasks.ts";
import { sealTokens } from "../../store/tokens/seal-tokens.ts";
import { acquireWriterLock } from "../../store/writer-lock.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { printFailure, printJson, say, UsageFailure } from "../output.ts";
import { type OpenRedis, openRedis } from "../redis.ts";
import { openWriter } from "../writer.ts";

export interface SealOptions extends CommonFlags {
  readonly yes: boolean;
  readonly input?: boolean;
  readonly allowUnprotected?: boolean;
}

const LOCK_MS = 30_000;

export async function runSeal(host: Host, options: SealOptions): Promise<ExitCode> {
  if (host.config.stateKey === undefined)
    throw new UsageFailure("COUNTWHEEL_STATE_KEY is not set: there is nothing to seal with");
  if (!(await agreed(host, options))) {
    say(host, "Nothing was changed.");
    return EXIT.failed;
  }
  const server = await openRedis(host, options);
  try {
    const answer = await sealLocked(host, options.env, server);
    const tasks = await sealTasks(server.redis, options.env);
    return print(host, options, answer, { tasks, tokens: await sealTokens(server.redis, options.env) });
  } finally {
    await server.close();
  }
}

async function agreed(host: Host, { yes, input, env }: SealOptions): Promise<boolean> {
  if (yes) return true;
  if (!host.stderr.isTTY || host.config.noInput || input === false) {
    throw new UsageFailure("nobody can answer here: add --yes to seal without a question");
  }
  return await host.confirm(`Believe what environment ${env} holds now, and seal it?`);
}

async function sealLocked(host: Host, env: string, server: OpenRedis): Promise<SealAnswer> {
  const { writer, close } = openWriter(host, server, env);
  try {
    const answer = await acquireWriterLock(server.redis, { env, holder: writer.holder, ttlMs: LOCK_MS });
    if (answer.outcome === "held") {
      throw new PermanentFailure("ENVIRONMENT_LOCKED", `${answer.holder} is applying to this environment; try again`);
    }
    try {
      return await sealState(server.redis, env, answer.lock, localIdentity());
    } finally {
      await answer.lock.release();
    }
  } finally {
    await close();
  }
}

interface Beside {
  readonly tasks: number;
  /** Names. */
  readonly tokens: readonly string[];
}

function print(host: Host, { env, output }: SealOptions, answer: SealAnswer, { tasks, tokens }: Beside): ExitCode {
  if (answer.outcome === "no-state") {
    const message = `environment ${env} has no state yet: its first apply is sealed by itself`;
    return printFailure(host, output, { code: "NO_STATE", message, exitCode: EXIT.failed, details: {} });
  }
  const { records, serial } = answer;
  if (output === "json") printJson(host, { formatVersion: "1", env, records, serial, tasks, tokens });
  else {
    const open = tasks === 0 ? "" : ` and ${tasks} ${tasks === 1 ? "task that has" : "tasks that have"} not ended`;
    host.stdout.write(`Sealed ${records} records${open} of environment ${env} at serial ${serial}.\n`);
  }
  if (tokens.length > 0)
    say(host, `So are its API tokens: ${tokens.join(", ")}. Revoke what you do not know: countwheel token revoke NAME`);
  say(host, "Next: set COUNTWHEEL_STATE_KEY wherever a reconciler, a runner or a command uses this environment.");
  return EXIT.ok;
}
