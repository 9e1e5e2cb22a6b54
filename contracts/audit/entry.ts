// The audit log of an environment: its entries, and the hash chain over them. Pure; the store appends.
import { canonicalJson, digestText } from "../canonical.ts";

/** What happened. `kind` says what; the other fields are its facts. */
export interface AuditFacts {
  readonly kind:
    | "task.ended"
    | "task.dropped"
    | "applied"
    | "suspended"
    | "resumed"
    /** All records were taken under another key: by whom, and which. */
    | "state.sealed"
    /** An export became the state: by whom, and whose it was. */
    | "state.imported"
    /** A state that was lost was made anew from a commit; the apply that did it stands before. */
    | "state.rebuilt"
    /** Who may answer as `token:NAME` from now on, what for, until when and by whose word; and that nobody may any more. */
    | "token.created"
    | "token.revoked"
    /** Of an approval: who decided what, or that nobody did in time; the whole of it is in the task's trace. */
    | "approval.decided"
    /** A comment on a pull request: who, what, and what became of it. */
    | "command"
    /** The Tasks of a head that run in an environment of their own, under which state of the base, and by whose word; and where their traces ended. */
    | "preview.started"
    | "preview.ended"
    /** What was said in a task is erased: by whom, why, and a digest of what is left of its events. */
    | "payloads.erased"
    | "head.signed";
  readonly [fact: string]: unknown;
}

/** The facts, with their place in the chain. `number` counts from 1 without gaps; `at` is by Redis' own clock. */
export interface AuditEntry extends AuditFacts {
  readonly number: number;
  readonly at: string;
  readonly prev: string;
  readonly hash: string;
}

/** Where the log ends. */
export interface AuditEnd {
  readonly number: number;
  readonly hash: string;
}

/** The `prev` of the first entry: binds the log to its environment, so that logs cannot be exchanged. */
export function auditStart(env: string): AuditEnd {
  return { number: 0, hash: digestText(`countwheel audit 1\n${env}`) };
}

/** Puts facts behind `after`. */
export function chainEntry(after: AuditEnd, at: string, facts: AuditFacts): AuditEntry {
  const body = { ...facts, number: after.number + 1, at, prev: after.hash };
  return { ...body, hash: hashBody(body) };
}

/** The hash that an entry, or an event of a trace, must have by what it says. */
export function hashOf({ hash: _hash, ...body }: Readonly<Record<string, unknown>>): string {
  return hashBody(body);
}

function hashBody(body: Readonly<Record<string, unknown>>): string {
  return digestText(canonicalJson(body));
}
