// The lines of an audit export: JSON, one value each. Applies and entries first, then each trace behind the line of its
// task, then the entries that came meanwhile, then the end. Pure.
import { digestOf } from "../canonical.ts";
import type { KeptApply } from "../environment-copy.ts";
import type { TraceEvent } from "../trace.ts";
import type { AuditEntry } from "./entry.ts";

export interface ExportHead {
  readonly formatVersion: "1";
  readonly env: string;
  readonly exportedAt: string;
  readonly tool: { readonly name: string; readonly version: string };
  /** Which traces are in it: of one task, of tasks that had not ended before `since`, or all. */
  readonly scope: { readonly task: string | null; readonly since: string | null };
  /** Serial of the oldest apply, and number of the first entry; null: there is none. */
  readonly firstApply: number | null;
  readonly firstEntry: number | null;
}

export interface ExportedTask {
  /** `<namespace>/<name>`. */
  readonly task: string;
  readonly phase: string;
  /** How many events follow, and the hash of the last. */
  readonly events: number;
  readonly head: string;
}

export type ExportLine =
  | { readonly kind: "export"; readonly value: ExportHead }
  | { readonly kind: "apply"; readonly value: KeptApply }
  | { readonly kind: "entry"; readonly value: AuditEntry }
  | { readonly kind: "task"; readonly value: ExportedTask }
  | { readonly kind: "event"; readonly value: TraceEvent }
  | { readonly kind: "end"; readonly value: { readonly lines: number; readonly tasks: number } };

type LineKind = ExportLine["kind"];

/** `number` counts lines from 1. What is in no chain has a digest of its own. */
export function renderLine(number: number, { kind, value }: ExportLine): string {
  const line = { line: number, kind, value };
  return JSON.stringify(isChained(kind) ? line : { ...line, digest: digestOf(line) });
}

function isChained(kind: LineKind): boolean {
  return kind === "entry" || kind === "event";
}

export type ParsedLine =
  | { readonly outcome: "read"; readonly number: number; readonly line: ExportLine }
  /** `kind` undefined: not even that can be told. */
  | { readonly outcome: "unreadable"; readonly kind: LineKind | undefined };

/** Exact: a field too many or too few is as bad as a digest that does not fit. */
export function parseLine(text: string): ParsedLine {
  const line = parseObject(text);
  if (line === undefined) return { outcome: "unreadable", kind: undefined };
  const { line: number, kind, value, digest } = line;
  if (!isKind(kind)) return { outcome: "unreadable", kind: undefined };
  const keys = isChained(kind) ? 3 : 4;
  const fits = Object.keys(line).length === keys && Number.isSafeInteger(number) && isObject(value);
  const holds = fits && (isChained(kind) || digest === digestOf({ line: number, kind, value }));
  if (!holds || !hasForm(kind, value)) return { outcome: "unreadable", kind };
  return { outcome: "read", number: Number(number), line: { kind, value } as unknown as ExportLine };
}

type Json = Readonly<Record<string, unknown>>;

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isKind(kind: unknown): kind is LineKind {
  return typeof kind === "string" && Object.hasOwn(FORMS, kind);
}

const FORMS: Readonly<Record<LineKind, Readonly<Record<string, "string" | "number" | "object" | "number?">>>> = {
  export: { formatVersion: "string", env: "string", scope: "object", firstApply: "number?", firstEntry: "number?" },
  apply: { serial: "number", planId: "string", planDigest: "string" },
  entry: { number: "number", at: "string", kind: "string", prev: "string", hash: "string" },
  task: { task: "string", phase: "string", events: "number", head: "string" },
  event: { seq: "number", at: "string", task: "string", type: "string", prev: "string", hash: "string" },
  end: { lines: "number", tasks: "number" },
};

function hasForm(kind: LineKind, value: unknown): boolean {
  if (!isObject(value)) return false;
  return Object.entries(FORMS[kind]).every(([field, type]) => {
    const found = value[field];
    return type === "number?" ? found === null || typeof found === "number" : typeof found === type && found !== null;
  });
}

/** What a person reads of a line that is not in a chain. */
export const LINE_NAMES = {
  export: "the head of the export",
  apply: "an apply",
  task: "the line of a task",
  end: "the end of the export",
} as const;

export function entryName(number: number): string {
  return `entry ${number} of the audit log`;
}
