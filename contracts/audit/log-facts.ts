// What an audit log that was read so far says: ends of traces, plans that were applied, applies, signatures.
import type { KeyObject } from "node:crypto";
import type { AuditEntry } from "./entry.ts";
import type { ExportHead } from "./export-lines.ts";
import type { Findings } from "./finding.ts";
import { verifySignedHead } from "./signed-head.ts";

/** Where a trace ended, and which entry says so. */
export interface ToldEnd {
  readonly number: number;
  readonly finishedAt: string;
  readonly events: number;
  readonly head: string;
}

export interface Signatures {
  readonly heads: number;
  /** Number of the last entry that a signature covers. */
  readonly upTo: number;
  /** Keys that signed. */
  readonly keys: readonly string[];
}

export class LogFacts {
  /** By task. Grows with the number of tasks, not with that of events. */
  readonly ends = new Map<string, ToldEnd[]>();
  /** Ended since the traces were read: they may be longer than what is here, or gone. */
  readonly dropped = new Set<string>();
  /** Task → what is left of the events of it that were erased. */
  readonly erased = new Map<string, string>();
  readonly #commits = new Map<string, Set<string>>();
  /** Digests of the applies' records, by plan id. */
  readonly #applies = new Map<string, unknown>();
  readonly #keys = new Set<string>();
  #heads = 0;
  #upTo = 0;

  get signatures(): Signatures {
    return { heads: this.#heads, upTo: this.#upTo, keys: [...this.#keys] };
  }

  note(entry: AuditEntry): void {
    const { kind, number, task, events, head, finishedAt } = entry;
    if (kind === "task.ended" && typeof task === "string") {
      const end = { number, finishedAt: String(finishedAt), events: Number(events), head: String(head) };
      this.ends.set(task, [...(this.ends.get(task) ?? []), end]);
    }
    if (kind === "task.dropped" && typeof task === "string") {
      this.ends.delete(task);
      this.dropped.add(task);
    }
    if (kind === "payloads.erased" && typeof task === "string") this.erased.set(task, String(entry["left"]));
    if (kind === "applied") this.#noteApply(entry);
  }

  /** `key` undefined: no key was given that is to be believed. */
  checkSignature(line: number, entry: AuditEntry, env: string, key: KeyObject | undefined, findings: Findings): void {
    const what = `entry ${entry.number} of the audit log`;
    switch (verifySignedHead(env, entry, { number: entry.number - 1, hash: entry.prev }, key)) {
      case "forged":
        return findings.add(line, what, "forged", "the signature of this head does not hold");
      case "other-key":
        return findings.add(line, what, "forged", "this head was signed with another key than the one given");
      case "unvouched":
      case "verified":
        this.#heads += 1;
        this.#upTo = entry.number - 1;
        this.#keys.add(String(entry["key"]));
    }
  }

  /** undefined: the log tells of no apply of this plan. */
  commitsOf(planDigest: string): ReadonlySet<string> | undefined {
    return this.#commits.get(planDigest);
  }

  recordOf(planId: string): unknown {
    return this.#applies.get(planId);
  }

  #noteApply({ planId, planDigest, commit, record }: AuditEntry): void {
    const plan = String(planDigest);
    const commits = this.#commits.get(plan) ?? new Set<string>();
    this.#commits.set(plan, commits.add(String(commit)));
    this.#applies.set(String(planId), record);
  }
}

/** Whether the trace of a task that ended so belongs into an export of this scope. */
export function isInScope({ task, since }: ExportHead["scope"], name: string, finishedAt: string): boolean {
  if (task !== null) return task === name;
  return since === null || Date.parse(finishedAt) >= Date.parse(since);
}
