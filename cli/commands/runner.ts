// `runner`: takes activations until it is stopped. The first signal drains; what is not done by then is handed back.
import { randomBytes, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { isName } from "../../contracts/address.ts";
import { renderDuration } from "../../contracts/duration.ts";
import { startRunner } from "../../runner/runner.ts";
import { DEFAULT_VARIABLE_PATTERNS } from "../../runner/secrets/allowed.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface RunnerCommandOptions extends CommonFlags {
  readonly id?: string;
  readonly concurrency: number;
  /** Milliseconds. */
  readonly lease: number;
  /** Milliseconds. */
  readonly drainTimeout: number;
  readonly region?: string;
  readonly gpu: boolean;
  readonly models: readonly string[];
  readonly secretEnv: readonly string[];
  readonly secretDir: readonly string[];
  readonly privateHost: readonly string[];
}

export async function runRunner(host: Host, options: RunnerCommandOptions): Promise<ExitCode> {
  const { url, close } = await openRedis(host, options);
  await close();
  const runner = await startRunner({
    redisUrl: url,
    stateKey: host.config.stateKey,
    env: options.env,
    id: runnerId(options.id),
    concurrency: options.concurrency,
    leaseMs: options.lease,
    announced: {
      gpu: options.gpu,
      models: options.models,
      ...(options.region === undefined ? {} : { region: options.region }),
    },
    secrets: {
      variables: host.config.secretEnv,
      variablePatterns: options.secretEnv.length > 0 ? options.secretEnv : DEFAULT_VARIABLE_PATTERNS,
      folders: options.secretDir.map((folder) => resolve(host.cwd, folder)),
    },
    cwd: host.cwd,
    privateHosts: options.privateHost,
    now: host.now,
    random: Math.random,
    newId: randomUUID,
    say: (line) => tell(host, options, "warning", line),
  });
  tell(
    host,
    options,
    "ready",
    `runner ${runner.id} takes activations of \`${options.env}\`, ${options.concurrency} at once`,
  );
  await stopped(host.signal);
  tell(host, options, "draining", drainLine(runner.running(), options.drainTimeout));
  const handedBack = await runner.drain(options.drainTimeout);
  tell(
    host,
    options,
    "stopped",
    handedBack === 0 ? "all done" : `${handedBack} handed back: another runner goes on with them`,
  );
  return EXIT.ok;
}

/** Host and process, and a part that no former life of this runner had: a name that is reused takes its leases over. */
function runnerId(given: string | undefined): string {
  const id = given ?? `${hostname().replace(/[^A-Za-z0-9.-]/g, "-")}-${process.pid}-${randomBytes(2).toString("hex")}`;
  if (!isName(id)) throw new UsageFailure(`\`${id}\` cannot name a runner: letters, digits, \`.\`, \`_\` and \`-\``);
  return id;
}

function drainLine(running: number, timeoutMs: number): string {
  return running === 0 ? "stopping" : `waiting up to ${renderDuration(timeoutMs)} for ${running} activations under way`;
}

/** Nothing of a runner is an answer: people read lines on stderr, programs events on stdout. */
function tell(host: Host, { output }: CommonFlags, event: string, line: string): void {
  if (output === "jsonl") host.stdout.write(`${JSON.stringify({ event, message: line })}\n`);
  else say(host, line);
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => {
    signal.addEventListener("abort", () => done(), { once: true });
  });
}
