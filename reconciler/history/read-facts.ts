// Narrows what the history keeps of an apply. Entries of versions that kept less are read as far as they go.
import type { JSONSchema } from "json-schema-to-ts";
import type { AppliedChange, ApplyFacts } from "../../contracts/history.ts";
import { ownValidator } from "../../contracts/own-schema.ts";
import type { HistoryEntry } from "../../store/history.ts";

const TEXT = { type: "string" } as const;
const TEXT_OR_NULL = { type: ["string", "null"] } as const;
const DIGEST_OR_NULL = { type: ["string", "null"], pattern: "^sha256:[0-9a-f]{64}$" } as const;

const CHANGE = {
  type: "object",
  required: ["address", "action", "before", "after", "file", "line"],
  properties: {
    address: TEXT,
    action: { enum: ["create", "update", "move", "prune"] },
    previousAddress: TEXT,
    before: DIGEST_OR_NULL,
    after: DIGEST_OR_NULL,
    file: TEXT,
    line: { type: "integer" },
  },
} as const;

const FACTS = {
  type: "object",
  required: [
    "counts",
    "source",
    "holder",
    "person",
    "changes",
    "blocked",
    "tasks",
    "set",
    "rollbackOf",
    "overrideFreeze",
    "startedAt",
  ],
  properties: {
    counts: { type: "object" },
    source: {
      type: "object",
      required: ["repo", "ref", "headSha", "path", "dirty"],
      properties: { repo: TEXT, ref: TEXT_OR_NULL, headSha: TEXT_OR_NULL, path: TEXT, dirty: { type: "boolean" } },
    },
    holder: TEXT,
    person: TEXT_OR_NULL,
    changes: { type: "array", items: CHANGE },
    blocked: {
      type: "array",
      items: {
        type: "object",
        required: ["address", "action", "code"],
        properties: { address: TEXT, action: TEXT, code: TEXT },
      },
    },
    tasks: { type: "array", items: TEXT },
    set: { type: "string", pattern: "^sha256:[0-9a-f]{64}$" },
    rollbackOf: {
      type: ["object", "null"],
      required: ["serial", "commit"],
      properties: { serial: { type: "integer" }, commit: TEXT_OR_NULL },
    },
    overrideFreeze: TEXT_OR_NULL,
    rebuilt: { const: true },
    acceptedHistory: {
      type: "object",
      required: ["history", "from", "to", "by", "since"],
      properties: { history: { enum: ["forced", "unrelated"] }, from: TEXT, to: TEXT, by: TEXT, since: TEXT },
    },
    startedAt: TEXT,
  },
} as const satisfies JSONSchema;

/** Answers undefined for an entry that an older version wrote, without its records. */
export function readFacts({ facts }: HistoryEntry): ApplyFacts | undefined {
  return ownValidator<ApplyFacts>(FACTS)(facts) ? facts : undefined;
}

/** Rows for people: the place that a record moved away from is told with where it went. */
export function shownChanges(changes: readonly AppliedChange[]): AppliedChange[] {
  return changes.filter(({ action, after }) => action !== "move" || after !== null);
}
