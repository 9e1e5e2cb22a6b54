// A small world for tests of the runner: definitions from a few lines, tasks, runners in this process and as children.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { addressOf, type KindName } from "../../contracts/address.ts";
import { readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import { type Manifest, manifestDigest } from "../../contracts/manifest.ts";
import type { Announced } from "../../contracts/matching.ts";
import { makeTask, type TaskRequest, taskId } from "../../contracts/new-task.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { makeSnapshot } from "../../contracts/snapshot.ts";
import { hasEnded, type TaskRecord, type TaskRef } from "../../contracts/task.ts";
import { type TraceEvent, verifyChain } from "../../contracts/trace.ts";
import { type RunnerOptions, type RunningRunner, startRunner } from "../../runner/runner.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { applyPlan } from "../../store/scripts/apply-plan.ts";
import { putSnapshot } from "../../store/snapshots.ts";
import { readState } from "../../store/state.ts";
import { createTask, readTask, readTrace } from "../../store/tasks.ts";
import { acquireWriterLock } from "../../store/writer-lock.ts";
import { childProgram } from "../children.ts";

export function manifest(kind: KindName, name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  const metadata = { name, namespace: "default", labels: {}, annotations: {} };
  return { apiVersion: "countwheel.dev/v1", kind, metadata, spec };
}

/** A mock model that answers by `script`. */
export function mockModel(name: string, script?: readonly unknown[]): Manifest {
  const options = script === undefined ? {} : { options: { script: JSON.stringify(script) } };
  return manifest("ModelEndpoint", name, { provider: "mock", default_model: "mock-1", ...options });
}

export function agent(name: string, spec: Readonly<Record<string, unknown>> = {}): Manifest {
  return manifest("Agent", name, { model_ref: "mock", prompt: `You are ${name}.`, ...spec });
}

export function system(name: string, agents: readonly string[], graph?: Readonly<Record<string, unknown>>): Manifest {
  return manifest("AgentSystem", name, { agents, ...(graph === undefined ? {} : { graph }) });
}

export function record(content: Manifest): StateRecord {
  const { kind, metadata } = content;
  return {
    address: addressOf({ kind, namespace: metadata.namespace, name: metadata.name }),
    manifest: content,
    digest: manifestDigest(content),
    generation: 1,
    source: { repo: "test", commit: null, file: "test.yaml", line: 1, column: 1 },
    serial: 1,
    appliedAt: "2026-01-01T00:00:00.000Z",
  };
}

export interface World {
  readonly env: string;
  readonly redis: Redis;
  /** Makes this the applied state of the environment. */
  apply(manifests: readonly Manifest[]): Promise<void>;
  /** Makes a task on these definitions. */
  start(manifests: readonly Manifest[], systemName: string, more?: Partial<TaskRequest>): Promise<TaskRef>;
  task(ref: TaskRef): Promise<TaskRecord>;
  trace(ref: TaskRef): Promise<readonly TraceEvent[]>;
  /** The record once `holds` is true of it; throws with the trace after `boundMs`. */
  until(ref: TaskRef, holds: (task: TaskRecord) => boolean, boundMs?: number): Promise<TaskRecord>;
  ended(ref: TaskRef, boundMs?: number): Promise<TaskRecord>;
  runner(options?: Partial<RunnerOptions>): Promise<RunningRunner>;
  child(id: string, options?: ChildOptions): Promise<RunnerChild>;
  close(): Promise<void>;
}

export interface ChildOptions {
  readonly leaseMs?: number;
  readonly concurrency?: number;
  readonly announced?: Partial<Announced>;
  /** What node is to run, where it is not runner-child.ts as it stands. */
  readonly program?: readonly string[];
}

export interface RunnerChild {
  readonly process: ChildProcess;
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
}

const CHILD = [childProgram("runner/runner-child.ts")];
/** Of children, which are there to be lost. */
const SHORT_LEASE_MS = 1_000;
/** Of runners in the tests' own process, which a busy machine must not make lose theirs. */
const LEASE_MS = 4_000;

export function openWorld(url: string): World {
  const env = `t${randomUUID().slice(0, 8)}`;
  const redis = connectRedis(url, "command");
  const queue = openQueue(redis, env);
  const runners: RunningRunner[] = [];
  const children: RunnerChild[] = [];
  let made = 0;

  const task = async (ref: TaskRef): Promise<TaskRecord> => {
    const found = await readTask(redis, ref);
    if (found === undefined) throw new Error(`there is no task ${taskId(ref)}`);
    return found;
  };
  const until: World["until"] = async (ref, holds, boundMs = 15_000) => {
    const deadline = performance.now() + boundMs;
    for (;;) {
      const now = await task(ref);
      if (holds(now)) return now;
      if (performance.now() > deadline) throw new Error(await story(redis, ref, now));
      await wait(20);
    }
  };

  return {
    env,
    redis,
    task,
    until,
    ended: (ref, boundMs) => until(ref, ({ phase }) => hasEnded(phase), boundMs),
    trace: (ref) => readTrace(redis, ref),
    apply: (manifests) => applyAll(redis, env, manifests.map(record)),
    async start(manifests, systemName, more = {}) {
      made += 1;
      const snapshot = makeSnapshot(manifests.map(record));
      await putSnapshot(redis, env, snapshot);
      const spec = manifests.map((content) =>
        content.metadata.name === systemName ? specOf(content, "AgentSystem") : undefined,
      );
      const graph = readGraph(spec.find((found) => found !== undefined) ?? { agents: [] });
      const request = requestOf({ env, namespace: "default", name: `task-${made}` }, systemName, snapshot.digest);
      const created = makeTask({ ...request, graph, ...more });
      await createTask(redis, queue, created);
      return created.ref;
    },
    async runner(options = {}) {
      const runner = await startRunner({ ...runnerOptions(url, env, `r${runners.length + 1}`), ...options });
      runners.push(runner);
      return runner;
    },
    async child(id, { leaseMs = SHORT_LEASE_MS, concurrency = 4, announced = {}, program = CHILD } = {}) {
      const facts = JSON.stringify({ gpu: false, models: [], ...announced });
      const child = await startChild(program, [url, env, id, String(leaseMs), String(concurrency), facts]);
      children.push(child);
      return child;
    },
    async close() {
      for (const { process: child } of children) child.kill("SIGKILL");
      await Promise.all([
        ...children.map(({ exited }) => exited),
        ...runners.map((runner) => runner.drain(0).catch(() => 0)),
      ]);
      await queue.close();
      await closeRedis(redis);
    },
  };
}

export async function applyAll(redis: Redis, env: string, writes: readonly StateRecord[]): Promise<void> {
  const before = await readState(redis, env);
  const locked = await acquireWriterLock(redis, { env, holder: "test", ttlMs: 10_000 });
  if (locked.outcome === "held") throw new Error(`the state of ${env} is locked by ${locked.holder}`);
  const { lock } = locked;
  const kept = writes.map(({ address }) => address);
  const answer = await applyPlan(redis, {
    env,
    lock: { holder: lock.holder, token: lock.token },
    planId: randomUUID(),
    planDigest: "sha256:test",
    lineage: before.head?.lineage ?? "",
    newLineage: randomUUID(),
    touched: [],
    writes,
    prunes: [...before.records.keys()].filter((address) => !kept.includes(address)),
    commit: null,
    policyDigest: policyDigestOf(writes),
    appliedAt: new Date().toISOString(),
    taskIntents: [],
    history: {},
  });
  await lock.release();
  if (answer.outcome !== "applied") throw new Error(`could not apply: ${answer.outcome}`);
}

export function requestOf(ref: TaskRef, systemName: string, snapshot: string): Omit<TaskRequest, "graph"> {
  return {
    ref,
    system: systemName,
    input: { topic: "clocks" },
    priority: "normal",
    maxAttempts: 1,
    retryBackoffMs: 0,
    maxTurns: null,
    snapshot,
    manifest: null,
    source: null,
    plan: null,
    createdAt: new Date().toISOString(),
  };
}

export function runnerOptions(redisUrl: string, env: string, id: string): RunnerOptions {
  return {
    redisUrl,
    env,
    id,
    concurrency: 4,
    leaseMs: LEASE_MS,
    announced: { gpu: false, models: [] },
    secrets: { variables: {}, variablePatterns: [], folders: [] },
    cwd: process.cwd(),
    allowedCommands: null,
    hiddenPlaces: [],
    privateHosts: ["127.0.0.1"],
    now: () => new Date(),
    random: Math.random,
    newId: randomUUID,
    say: () => undefined,
  };
}

async function startChild(program: readonly string[], args: readonly string[]): Promise<RunnerChild> {
  const child = spawn(process.execPath, [...program, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<number | string>((resolve) => {
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "gone"));
  });
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "ready") return { process: child, exited };
  }
  // A test may have killed it meanwhile.
  const how = await exited;
  if (typeof how === "number") throw new Error(`${program.join(" ")} ended with ${how} before it was ready`);
  return { process: child, exited };
}

async function story(redis: Redis, ref: TaskRef, now: TaskRecord): Promise<string> {
  const events = await readTrace(redis, ref);
  const lines = events.map(({ seq, at, type, activation = "", ...rest }) => {
    return `${seq} ${at} ${type} ${activation} ${JSON.stringify(rest["code"] ?? rest["tool"] ?? "")}`;
  });
  return [`${taskId(ref)} is still ${now.phase}`, JSON.stringify(now.activations), ...lines].join("\n");
}

/** That the trace is whole and is the one that the record names. */
export async function chainVerdict(world: World, ref: TaskRef): Promise<string> {
  const [events, task] = [await world.trace(ref), await world.task(ref)];
  return verifyChain(taskId(ref), events, task.trace).outcome;
}

export function typesOf(events: readonly TraceEvent[], activation?: string): string[] {
  return events.filter((event) => activation === undefined || event.activation === activation).map(({ type }) => type);
}
