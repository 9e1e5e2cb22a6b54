// `run <system>`: makes a task from the applied state, prints its name, and waits for its end where that is asked for.
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { closest } from "fastest-levenshtein";
import { addressOf, DEFAULT_NAMESPACE } from "../../contracts/address.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import { makeTask, type NewTask, type TaskRequest } from "../../contracts/new-task.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import { hasEnded, type TaskRecord, type TaskRef } from "../../contracts/task.ts";
import { DENIAL_CODES } from "../../policies/request.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { readState } from "../../store/state.ts";
import { createTask, followTrace, readTask } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { identityOf } from "../identity.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface RunOptions extends CommonFlags {
  readonly system: string;
  readonly namespace?: string;
  /** `key=value`, as given. */
  readonly input: readonly string[];
  readonly inputFile?: string;
  /** They are the user of their GITHUB_TOKEN. */
  readonly github?: boolean;
  readonly wait: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

export async function runRun(host: Host, options: RunOptions): Promise<ExitCode> {
  const input = await readInput(host, options);
  const { redis, connectAnother, close } = await openRedis(host, options);
  try {
    const ref = await makeRun(host, options, redis, input);
    if (!options.wait) return answerName(host, options, ref);
    if (options.output === "text") host.stdout.write(`${ref.name}\n`);
    return answerEnd(host, options, await waitForEnd(host, options, { redis, reader: connectAnother("worker"), ref }));
  } finally {
    await close();
  }
}

async function makeRun(
  host: Host,
  options: RunOptions,
  redis: Redis,
  input: Readonly<Record<string, string>>,
): Promise<TaskRef> {
  const requestedBy = await identityOf(host, redis, { ...options, right: "run" });
  const state = await readState(redis, options.env);
  const record = findSystem(state, options);
  const snapshot = makeSnapshot(state.records.values());
  await putSnapshot(redis, options.env, snapshot);
  const queue = openQueue(redis, options.env);
  try {
    const task = newTask(host, options, record, { input, snapshot: snapshot.digest, requestedBy });
    await createTask(redis, queue, task);
    return task.ref;
  } finally {
    await queue.close();
  }
}

function findSystem({ records }: ObservedState, { system, namespace, env }: RunOptions): StateRecord {
  const [first = "", second] = system.split("/");
  const wanted =
    second === undefined
      ? { namespace: namespace ?? DEFAULT_NAMESPACE, name: first }
      : { namespace: first, name: second };
  const found = records.get(addressOf({ kind: "AgentSystem", ...wanted }));
  if (found !== undefined) return found;
  const names = [...records.values()].flatMap(({ manifest }) =>
    manifest.kind === "AgentSystem" ? [manifest.metadata.name] : [],
  );
  const hint =
    names.length === 0
      ? "Nothing was applied yet; apply a directory that holds one: countwheel apply <path>"
      : `Did you mean \`${closest(wanted.name, names)}\`?`;
  throw new PermanentFailure("SYSTEM_NOT_FOUND", `no AgentSystem \`${system}\` in environment \`${env}\`. ${hint}`);
}

/** Room for the part that tells runs of one system apart. */
const NAME_LENGTH = 220;

function newTask(
  host: Host,
  { env }: RunOptions,
  { manifest, source }: StateRecord,
  given: Required<Pick<TaskRequest, "input" | "snapshot" | "requestedBy">>,
): NewTask {
  const { namespace, name: system } = manifest.metadata;
  const spec = specOf(manifest, "AgentSystem");
  if (spec === undefined) throw new PermanentFailure("SYSTEM_NOT_FOUND", `\`${system}\` is no AgentSystem`);
  const name = `${system.slice(0, NAME_LENGTH)}-${randomBytes(4).toString("hex")}`;
  return makeTask({
    ref: { env, namespace, name },
    system,
    graph: readGraph(spec),
    priority: "normal",
    maxAttempts: 1,
    retryBackoffMs: 0,
    maxTurns: null,
    manifest: null,
    source: { commit: source.commit, file: source.file, line: source.line },
    plan: null,
    createdAt: host.now().toISOString(),
    ...given,
  });
}

async function readInput(host: Host, options: RunOptions): Promise<Record<string, string>> {
  const fromFile = options.inputFile === undefined ? {} : await readInputFile(resolve(host.cwd, options.inputFile));
  return { ...fromFile, ...Object.fromEntries(options.input.map(parseInput)) };
}

function parseInput(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at <= 0) throw new UsageFailure(`\`--input ${text}\` is not of the form key=value`);
  return [text.slice(0, at), text.slice(at + 1)];
}

async function readInputFile(path: string): Promise<Record<string, string>> {
  const value = parseJson(path, await readText(path));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageFailure(`${path} holds no JSON object`);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, typeof item === "string" ? item : JSON.stringify(item)]),
  );
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new UsageFailure(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageFailure(`${path} is not JSON`);
  }
}

interface Waiting {
  readonly redis: Redis;
  readonly reader: Redis;
  readonly ref: TaskRef;
}

/** Follows the trace, and looks at the record after each event: a task that waits for a person does not end by itself. */
async function waitForEnd(host: Host, options: RunOptions, { redis, reader, ref }: Waiting): Promise<TaskRecord> {
  const late = AbortSignal.timeout(options.timeout);
  const signal = AbortSignal.any([host.signal, late]);
  for await (const _ of followTrace(reader, ref, 0, signal)) {
    const task = await readTask(redis, ref);
    if (task !== undefined && (hasEnded(task.phase) || task.phase === "Unknown" || task.phase === "WaitingApproval")) {
      return task;
    }
  }
  const task = await readTask(redis, ref);
  if (task !== undefined && hasEnded(task.phase)) return task;
  if (host.signal.aborted) throw new TransientFailure("INTERRUPTED", `stopped waiting; ${ref.name} goes on`);
  const hint = `is ${task?.phase ?? "gone"} after ${options.timeout} ms. Is a runner at work? countwheel runner`;
  throw new TransientFailure("WAIT_TIMEOUT", `${ref.name} ${hint}`, { details: { task: ref.name } });
}

function answerName(host: Host, { output }: RunOptions, ref: TaskRef): ExitCode {
  if (output === "json") printJson(host, { name: ref.name, namespace: ref.namespace });
  else host.stdout.write(`${ref.name}\n`);
  say(host, `Next: countwheel trace ${ref.name} -f`);
  return EXIT.ok;
}

function answerEnd(host: Host, { output }: RunOptions, task: TaskRecord): ExitCode {
  if (output === "json") printJson(host, task);
  else say(host, endLine(task));
  const isWaiting = task.phase === "WaitingApproval";
  say(host, isWaiting ? "Next: countwheel get approvals" : `Next: countwheel trace ${task.name}`);
  if (task.phase === "Succeeded") return EXIT.ok;
  return wasDenied(task) ? EXIT.blocked : EXIT.failed;
}

function endLine({ name, phase, lastError, output }: TaskRecord): string {
  if (lastError !== undefined && phase !== "Succeeded")
    return `${name} ${phase}: ${lastError.code}: ${lastError.message}`;
  return `${name} ${phase}\n${output?.["last_output"] ?? ""}`;
}

function wasDenied({ lastError }: TaskRecord): boolean {
  return DENIAL_CODES.some((code) => code === lastError?.code);
}
