// Drains the outbox to GitHub: renders the newest facts, posts them, and drops only what was posted.

import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { OutboxEntry } from "../../contracts/outbox.ts";
import type { Redis } from "../../store/connect.ts";
import { dropOutbox, type OutboxItem, readOutbox } from "../../store/outbox.ts";
import { reportDrift } from "./drift/report-drift.ts";
import type { Github } from "./github.ts";
import { postApplied } from "./post-applied.ts";
import { postTask } from "./post-task.ts";
import { reportPreview } from "./previews/report-preview.ts";
import { noteApplied, reportPlan, reportUnplanned } from "./pulls/report-plan.ts";
import { digestOfFacts, isSettled, readAppliedFacts, readAppliedPost } from "./read-applied.ts";
import { readTaskReport } from "./read-task-report.ts";

export interface ReportOptions {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Github;
  readonly now: () => Date;
  /** Somebody hears who presses the buttons of plans' checks. */
  readonly buttons?: boolean;
  /** One line for the operator. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * What one drain did. A failure leaves its entry for later; one that would meet every request (GitHub away, a limit, a
 * bad token) ends the drain, one that concerns a single place (a locked conversation, a damaged record) lets the others go on.
 */
export type DrainOutcome =
  | { readonly outcome: "drained"; readonly settled: number; readonly waiting: number }
  | { readonly outcome: "later"; readonly settled: number; readonly failure: TransientFailure | PermanentFailure };

/** Outbox id → digest of what was shown for it last: an apply that waits for its tasks is posted when something moved. */
export type Shown = Map<string, string>;

/** Entries of one drain; the next one takes the rest. */
const DRAIN_ENTRIES = 200;

export async function reportPending(options: ReportOptions, shown: Shown = new Map()): Promise<DrainOutcome> {
  const { redis, env, say, signal } = options;
  const items = await readOutbox(redis, env, DRAIN_ENTRIES);
  forget(shown, items);
  let settled = 0;
  let failure: TransientFailure | PermanentFailure | undefined;
  for (const item of items) {
    if (signal.aborted) break;
    const result = await postItem(options, item, shown);
    if (result.outcome === "later") {
      failure ??= result.failure;
      if (meetsAll(result.failure)) break;
    }
    if (result.outcome === "refused") say(`not reported to GitHub: ${result.failure.message}`);
    if (result.outcome === "posted" || result.outcome === "refused") {
      await dropOutbox(redis, env, [item.id]);
      settled += 1;
    }
  }
  if (failure !== undefined) return { outcome: "later", settled, failure };
  return { outcome: "drained", settled, waiting: items.length - settled };
}

/** GitHub away, a limit, a bad token: every request would meet it. */
export function meetsAll(failure: TransientFailure | PermanentFailure): boolean {
  return failure instanceof TransientFailure || failure.code === "GITHUB_AUTH";
}

function forget(shown: Shown, items: readonly OutboxItem[]): void {
  const ids = new Set(items.map(({ id }) => id));
  for (const id of shown.keys()) if (!ids.has(id)) shown.delete(id);
}

type ItemResult =
  | { readonly outcome: "posted" }
  /** Shown, and kept until its tasks have ended. */
  | { readonly outcome: "waits" }
  /** GitHub will never take it: its pull request or commit is gone. */
  | { readonly outcome: "refused"; readonly failure: PermanentFailure }
  | { readonly outcome: "later"; readonly failure: TransientFailure | PermanentFailure };

async function postItem(options: ReportOptions, item: OutboxItem, shown: Shown): Promise<ItemResult> {
  try {
    return await postEntry(options, item, shown);
  } catch (error) {
    if (error instanceof PermanentFailure) {
      const gone = error.code === "GITHUB_NOT_FOUND" || error.code === "GITHUB_REJECTED";
      return { outcome: gone ? "refused" : "later", failure: error };
    }
    if (error instanceof TransientFailure) return { outcome: "later", failure: error };
    throw error;
  }
}

async function postEntry(options: ReportOptions, item: OutboxItem, shown: Shown): Promise<ItemResult> {
  const { entry } = item;
  switch (entry.kind) {
    case "plan":
      await reportPlan(options, entry);
      return { outcome: "posted" };
    case "unplanned":
      await reportUnplanned(options, entry);
      return { outcome: "posted" };
    case "applied":
      return reportApplied(options, { id: item.id, entry }, shown);
    case "drift":
      await reportDrift({ ...options, holder: `report ${item.id} ${process.pid}` }, entry.report);
      return { outcome: "posted" };
    case "preview":
      await reportPreview(options, entry.preview);
      return { outcome: "posted" };
    case "task":
      await reportEndedTask(options, entry);
      return { outcome: "posted" };
  }
}

type EntryOf<K extends OutboxEntry["kind"]> = Extract<OutboxEntry, { readonly kind: K }>;

/** The record is posted when something moved, and kept until there is nothing left to wait for. */
async function reportApplied(options: ReportOptions, item: AppliedItem, shown: Shown): Promise<ItemResult> {
  const { redis, env, github, now } = options;
  const facts = await readAppliedFacts(redis, env, item.entry);
  const digest = digestOfFacts(facts);
  if (shown.get(item.id) !== digest) {
    const pulls = await postApplied(github, await readAppliedPost(redis, env, facts));
    for (const pull of pulls) await noteApplied(redis, env, pull);
    shown.set(item.id, digest);
  }
  return { outcome: isSettled(facts, now()) ? "posted" : "waits" };
}

interface AppliedItem {
  readonly id: string;
  readonly entry: EntryOf<"applied">;
}

async function reportEndedTask({ github, redis, env, say }: ReportOptions, { task }: EntryOf<"task">): Promise<void> {
  const report = await readTaskReport(redis, task);
  if (report === undefined) return say(`not reported to GitHub: there is no task ${task.namespace}/${task.name}`);
  await postTask(github, env, report);
}
