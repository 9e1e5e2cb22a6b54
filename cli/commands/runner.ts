// `runner`: takes activations until it is stopped. The first signal drains; what is not done by then is handed back.
import { randomBytes, randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { DEFAULT_NAMESPACE, isName } from "../../contracts/address.ts";
import { renderDuration } from "../../contracts/duration.ts";
import type { WorkerSpec } from "../../contracts/kinds/worker.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Announced } from "../../contracts/matching.ts";
import { type RunnerFacts, runnerFacts } from "../../runner/described.ts";
import { startPreviewRunners } from "../../runner/previews.ts";
import { type RunnerOptions, type RunningRunner, startRunner } from "../../runner/runner.ts";
import { DEFAULT_VARIABLE_PATTERNS } from "../../runner/secrets/allowed.ts";
import type { Redis } from "../../store/connect.ts";
import type { RetentionRules } from "../../store/retention.ts";
import { readState } from "../../store/state.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";
import { countwheelHome } from "../repository-root.ts";
import { identitySources, secretAccess } from "../secret-access.ts";
import { stopped } from "../stopped.ts";

export interface RunnerCommandOptions extends CommonFlags {
  readonly id?: string;
  readonly concurrency?: number;
  /** Milliseconds. */
  readonly lease: number;
  /** Milliseconds. */
  readonly drainTimeout: number;
  readonly keepTasks?: number;
  /** Milliseconds. */
  readonly keepFor?: number;
  readonly region?: string;
  readonly gpu?: boolean;
  readonly models?: readonly string[];
  readonly secretEnv: readonly string[];
  readonly secretDir: readonly string[];
  readonly ageIdentity: readonly string[];
  readonly privateHost: readonly string[];
  /** Where tools that answer later reach a process that listens. */
  readonly callbackUrl?: URL;
  /** Folders of WebAssembly modules. */
  readonly wasmDir?: readonly string[];
  /** Absent: manifests may start every program. */
  readonly allowCommand?: readonly string[];
  /** Work in previews of pull requests, too. */
  readonly previews?: boolean;
  /** Only there. */
  readonly previewsOnly?: boolean;
  /** Absent: manifests may run no image. */
  readonly allowImage?: readonly string[];
}

export async function runRunner(host: Host, options: RunnerCommandOptions): Promise<ExitCode> {
  const id = runnerId(options.id);
  const { url, facts } = await readFacts(host, options, id);
  const secrets = secretAccess(host, options, DEFAULT_VARIABLE_PATTERNS);
  const runnerOptions: RunnerOptions = {
    redisUrl: url,
    stateKey: host.config.stateKey,
    env: options.env,
    id,
    ...facts,
    leaseMs: options.lease,
    secrets,
    retention: retentionOf(options),
    cwd: host.cwd,
    hiddenPlaces: [
      resolve(countwheelHome(host.config, host.cwd)),
      ...identitySources(host, options.ageIdentity).files,
      ...secrets.folders,
    ],
    allowedCommands: options.allowCommand ?? null,
    allowedImages: options.allowImage ?? [],
    privateHosts: options.privateHost,
    callbackUrl: options.callbackUrl,
    wasmFolders: (options.wasmDir ?? []).map((folder) => resolve(host.cwd, folder)),
    now: host.now,
    random: Math.random,
    newId: randomUUID,
    say: (line) => tell(host, options, "warning", line),
  };
  const crew = await startCrew(runnerOptions, options);
  const where = placesText(options);
  tell(
    host,
    options,
    "ready",
    `runner ${id} takes activations of ${where}, ${facts.concurrency} at once${announcedText(facts.announced)}`,
  );
  await stopped(host.signal);
  const running = crew.reduce((total, runner) => total + runner.running(), 0);
  tell(host, options, "draining", drainLine(running, options.drainTimeout));
  const drained = await Promise.all(crew.map((runner) => runner.drain(options.drainTimeout)));
  const handedBack = drained.reduce((total, count) => total + count, 0);
  tell(
    host,
    options,
    "stopped",
    handedBack === 0 ? "all done" : `${handedBack} handed back: another runner goes on with them`,
  );
  return EXIT.ok;
}

type CrewOptions = Pick<RunnerCommandOptions, "env" | "previews" | "previewsOnly">;

async function startCrew(
  options: RunnerOptions,
  { previews, previewsOnly }: CrewOptions,
): Promise<readonly Pick<RunningRunner, "running" | "drain">[]> {
  const own = previewsOnly === true ? [] : [await startRunner(options)];
  // A process that listens takes answers of tools for its environments, and for none of their previews.
  const inPreviews = { ...options, callbackUrl: undefined };
  return previews === true || previewsOnly === true ? [...own, startPreviewRunners(inPreviews)] : own;
}

function placesText({ env, previews, previewsOnly }: CrewOptions): string {
  if (previewsOnly === true) return `the previews of \`${env}\` alone`;
  return previews === true ? `\`${env}\` and of its previews` : `\`${env}\``;
}

/** One length for all where one is given: whoever says it means every task. */
function retentionOf({ keepTasks, keepFor }: RunnerCommandOptions): Partial<RetentionRules> {
  return {
    ...(keepTasks === undefined ? {} : { keptTasks: keepTasks }),
    ...(keepFor === undefined ? {} : { keptMs: keepFor, keptFailedMs: keepFor }),
  };
}

/** Read once, at the start. Only a runner with a name of its own can be described. */
async function readFacts(
  host: Host,
  options: RunnerCommandOptions,
  id: string,
): Promise<{ readonly url: string; readonly facts: RunnerFacts }> {
  const { url, redis, close } = await openRedis(host, options);
  try {
    const described = options.id === undefined ? undefined : await findWorker(redis, options.env, id);
    return { url, facts: runnerFacts(options, described) };
  } finally {
    await close();
  }
}

/** Of any namespace, `default` before the others: a runner works for all of them. */
async function findWorker(redis: Redis, env: string, id: string): Promise<WorkerSpec | undefined> {
  const { records } = await readState(redis, env);
  const found = [...records.values()].filter(
    ({ manifest }) => manifest.kind === "Worker" && manifest.metadata.name === id,
  );
  const chosen = found.find(({ manifest }) => manifest.metadata.namespace === DEFAULT_NAMESPACE) ?? found[0];
  return chosen === undefined ? undefined : specOf(chosen.manifest, "Worker");
}

function announcedText({ region, gpu, models }: Announced): string {
  const told = [
    ...(region === undefined ? [] : [`region ${region}`]),
    ...(gpu ? ["a GPU"] : []),
    ...(models.length === 0 ? [] : [`models ${models.join(", ")}`]),
  ];
  return told.length === 0 ? "" : `, with ${told.join(", ")}`;
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
