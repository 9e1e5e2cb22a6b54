// Builders for the store's tests: tasks, manifests, records and chained events that show only what a test is about.
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { KindName } from "../../contracts/address.ts";
import { type Manifest, manifestAddress, manifestDigest } from "../../contracts/manifest.ts";
import { makeTask, type NewTask, taskId } from "../../contracts/new-task.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ChainedEvent, type ChainHead, chainEvents, type TraceDraft } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { type Claim, claimActivation } from "../../store/scripts/claim.ts";
import type { ReleaseRequest } from "../../store/scripts/release.ts";
import { createTask } from "../../store/tasks.ts";

export function newEnv(): string {
  return `env-${randomUUID().slice(0, 8)}`;
}

export function taskOf(
  env: string,
  name = "weekly-report",
  agents: readonly string[] = ["planner", "writer"],
): NewTask {
  return makeTask({
    ref: { env, namespace: "default", name },
    system: "report",
    graph: { agents, edges: agents.slice(1).map((to, index) => ({ from: agents[index] ?? to, to })), joins: {} },
    input: { topic: "tides" },
    priority: "normal",
    maxAttempts: 3,
    retryBackoffMs: 0,
    maxTurns: null,
    snapshot: "sha256:snapshot",
    manifest: null,
    source: { commit: "a1b2c3d", file: "task.yaml", line: 1 },
    plan: null,
    createdAt: "2026-01-02T03:04:05.000Z",
  });
}

export type Claimed = Extract<Claim, { outcome: "claimed" }>;

export interface Grant {
  readonly task: TaskRef;
  readonly activation: string;
  readonly holder: string;
  readonly epoch: number;
}

/** Makes the task and claims its first activation. */
export async function claimedTask(
  redis: Redis,
  queue: ActivationQueue,
  { holder = "r1", leaseMs = 5_000, name = "weekly-report" } = {},
): Promise<{ readonly grant: Grant; readonly claim: Claimed }> {
  const task = taskOf(queue.env, name);
  await createTask(redis, queue, task);
  const claim = await claim1(redis, task.ref, holder, leaseMs);
  return { grant: { task: task.ref, activation: "planner#1", holder, epoch: claim.epoch }, claim };
}

export async function claim1(redis: Redis, task: TaskRef, holder: string, leaseMs = 5_000): Promise<Claimed> {
  const claim = await claimActivation(redis, { task, activation: "planner#1", holder, leaseMs });
  if (claim.outcome !== "claimed") throw new Error(`expected a claim, got ${claim.outcome}`);
  return claim;
}

export function eventsAfter(task: TaskRef, after: ChainHead, types: readonly TraceDraft["type"][]): ChainedEvent[] {
  const drafts = types.map((type) => ({ type, at: "2026-01-02T03:04:06.000Z", activation: "planner#1" }));
  return chainEvents(taskId(task), after, drafts);
}

/** The planner is done and starts the writer. */
export function handOver(grant: Grant, claim: Claimed): ReleaseRequest {
  return {
    ...grant,
    after: claim.head,
    events: eventsAfter(grant.task, claim.head, ["agent.finished"]),
    phase: "Done",
    graph: { visits: { planner: 1, writer: 1 }, outputs: { planner: "a plan" }, joins: {}, open: 1 },
    start: [{ id: "writer#1", agent: "writer", messages: [{ id: "m1", from: "planner", text: "a plan" }] }],
  };
}

export function manifestOf(
  name: string,
  spec: Readonly<Record<string, unknown>> = {},
  kind: KindName = "Agent",
): Manifest {
  return {
    apiVersion: "orloj.dev/v1",
    kind,
    metadata: { name, namespace: "default", labels: {}, annotations: {} },
    spec,
  };
}

export function recordOf(manifest: Manifest, generation = 1): StateRecord {
  return {
    address: manifestAddress(manifest),
    manifest,
    digest: manifestDigest(manifest),
    generation,
    source: { repo: "/repo", commit: "a1b2c3d", file: "agents.yaml", line: 1, column: 1 },
    serial: 0,
    appliedAt: "2026-01-02T03:04:05.000Z",
  };
}

/** Waits for a condition of the world outside, which sends no event. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await pause(10);
  }
}
