// Verifies an audit export line by line, offline: what stands in it is whole, in its order, and agrees with itself. Memory
// grows with the number of tasks and applies, not with their events.
import type { KeyObject } from "node:crypto";
import { digestOf } from "../canonical.ts";
import { ChainWalk } from "./chain-walk.ts";
import { type AuditEntry, auditStart } from "./entry.ts";
import { type ExportHead, type ExportLine, entryName, LINE_NAMES, type ParsedLine, parseLine } from "./export-lines.ts";
import { type Finding, Findings } from "./finding.ts";
import { isInScope, LogFacts, type Signatures } from "./log-facts.ts";
import { TraceWalk } from "./trace-walk.ts";

/** One trace, on its own. */
export interface TraceItem {
  readonly task: string;
  readonly outcome: "intact" | "broken";
  readonly events: number;
  /** Of which what was said is erased. */
  readonly erased?: number;
}

export interface ExportVerdict {
  readonly valid: boolean;
  readonly env: string;
  readonly lines: number;
  readonly applies: number;
  readonly entries: number;
  readonly tasks: number;
  readonly events: number;
  /** Events that lost what was said in them, as the log tells. */
  readonly erased: number;
  readonly signatures: Signatures;
  readonly items: readonly TraceItem[];
  /** The first hundred. */
  readonly findings: readonly Finding[];
  readonly faults: number;
}

export class ExportVerifier {
  readonly #key: KeyObject | undefined;
  readonly #findings = new Findings();
  readonly #facts = new LogFacts();
  readonly #applies: { readonly line: number; readonly planId: string; readonly digest: string }[] = [];
  readonly #seen = new Set<string>();
  readonly #erased: (NonNullable<TraceWalk["erased"]> & { readonly task: string })[] = [];
  #head: ExportHead | undefined;
  #log: ChainWalk | undefined;
  #trace: TraceWalk | undefined;
  #faultsBefore = 0;
  readonly #items: TraceItem[] = [];
  #lastTask = "";
  #lastSerial: number | undefined;
  #line = 0;
  #number = 0;
  #entries = 0;
  #events = 0;
  #ended = false;
  /** False: what the log does not tell may have stood in what is damaged of it. */
  #isLogIntact = true;

  /** `key`: what heads must be signed with; undefined: by whatever key they name. */
  constructor(key?: KeyObject) {
    this.#key = key;
  }

  /** undefined: the line is no UTF-8. */
  take(text: string | undefined): void {
    this.#line += 1;
    if (this.#ended) {
      // The end may have been moved before the log.
      this.#isLogIntact = false;
      return this.#add("what stands behind the end", "altered", "nothing was written there");
    }
    const parsed: ParsedLine = text === undefined ? { outcome: "unreadable", kind: undefined } : parseLine(text);
    if (parsed.outcome === "unreadable") return this.#takeUnreadable(parsed.kind);
    const faults = this.#findings.count;
    this.#takeLine(parsed.line);
    if (parsed.line.kind === "entry" && this.#findings.count > faults) this.#isLogIntact = false;
    this.#checkNumber(parsed.number, this.#findings.count > faults);
  }

  finish(): ExportVerdict {
    if (!this.#ended) {
      this.#line += 1;
      this.#isLogIntact = false;
      const faults = this.#findings.count;
      this.#leaveTrace();
      if (this.#findings.count === faults) this.#add(this.#expected, "cut", "the file ends before its end");
    }
    this.#checkApplies();
    this.#checkMissingTraces();
    this.#checkErased();
    this.#checkSigned();
    return {
      valid: this.#findings.count === 0,
      env: this.#head?.env ?? "",
      lines: this.#ended ? this.#line : this.#line - 1,
      applies: this.#applies.length,
      entries: this.#entries,
      tasks: this.#seen.size,
      events: this.#events,
      erased: this.#erased.reduce((sum, { events }) => sum + events, 0),
      signatures: this.#facts.signatures,
      items: this.#items,
      findings: this.#findings.kept,
      faults: this.#findings.count,
    };
  }

  /** Neither pruned nor damaged. */
  get #isLogWhole(): boolean {
    return this.#isLogIntact && (this.#head?.firstEntry ?? 1) === 1;
  }

  get #expected(): string {
    if (this.#head === undefined) return "the head of the export";
    if (this.#trace !== undefined) return this.#trace.expected;
    return this.#log?.expected ?? "the first line behind the head";
  }

  #add(what: string, reason: Finding["reason"], detail: string): void {
    this.#findings.add(this.#line, what, reason, detail);
  }

  #takeUnreadable(kind: ExportLine["kind"] | undefined): void {
    const own = kind === undefined || kind === "event" || kind === "entry" ? undefined : LINE_NAMES[kind];
    this.#add(own ?? this.#expected, "altered", "it is not what was written");
    this.#number += 1;
    // Whatever stood there: before the first trace it may have been an entry.
    if (this.#trace === undefined || kind === "entry") this.#isLogIntact = false;
    if (kind === "end") this.#ended = true;
    else if (kind === "task") this.#leaveTrace();
    else if (kind === "event" || (kind === undefined && this.#trace !== undefined)) this.#trace?.skip();
    else if (kind === "entry" || (kind === undefined && this.#log !== undefined)) this.#log?.skip();
    else if (kind === "apply" && this.#lastSerial !== undefined) this.#lastSerial += 1;
  }

  #takeLine(line: ExportLine): void {
    if (this.#head === undefined && line.kind !== "export")
      this.#add("the head of the export", "dropped", "it is not there");
    switch (line.kind) {
      case "export":
        return this.#takeHead(line.value);
      case "apply":
        return this.#takeApply(line.value);
      case "entry":
        return this.#takeEntry(line.value);
      case "task":
        this.#leaveTrace();
        return this.#startTrace(line.value.task, new TraceWalk(this.#traceContext, line.value.task, line.value));
      case "event":
        return this.#takeEvent(line.value);
      case "end":
        return this.#takeEnd(line.value);
    }
  }

  #takeHead(head: ExportHead): void {
    if (this.#line !== 1) this.#add("the head of the export", "reordered", "it does not stand first");
    this.#head = head;
    this.#lastSerial = head.firstApply === null ? undefined : head.firstApply - 1;
  }

  #takeApply(apply: Extract<ExportLine, { kind: "apply" }>["value"]): void {
    const { serial, planId } = apply;
    const expected = this.#lastSerial === undefined ? serial : this.#lastSerial + 1;
    if (this.#log !== undefined || serial < expected) this.#add(`apply ${serial}`, "reordered", "it stands too late");
    else if (serial > expected) this.#add(`apply ${expected}`, "dropped", `apply ${serial} stands in its place`);
    this.#lastSerial = Math.max(serial, this.#lastSerial ?? 0);
    this.#applies.push({ line: this.#line, planId, digest: digestOf(apply) });
  }

  #takeEntry(entry: AuditEntry): void {
    this.#leaveTrace();
    const { number, prev, hash, kind } = entry;
    this.#log ??= this.#startLog(entry);
    if (!this.#log.take(this.#line, { number, prev, hash, body: entry })) return;
    this.#entries += 1;
    this.#facts.note(entry);
    if (kind === "head.signed")
      this.#facts.checkSignature(this.#line, entry, this.#head?.env ?? "", this.#key, this.#findings);
  }

  /** A log that was pruned begins with a signed head: its signature stands for what was before. */
  #startLog({ kind, number, prev }: AuditEntry): ChainWalk {
    const first = this.#head?.firstEntry ?? 1;
    const isPruned = first > 1 && number === first;
    if (isPruned && kind !== "head.signed") this.#add(entryName(first - 1), "dropped", "no signed head stands for it");
    const start = isPruned
      ? { number: first - 1, hash: prev }
      : { ...auditStart(this.#head?.env ?? ""), number: first - 1 };
    return new ChainWalk(this.#findings, entryName, start);
  }

  get #traceContext() {
    return { findings: this.#findings, facts: this.#facts, isLogWhole: this.#isLogWhole };
  }

  #startTrace(task: string, trace: TraceWalk): void {
    if (this.#seen.has(task) || task < this.#lastTask)
      this.#add(`the trace of ${task}`, "reordered", "traces stand by name");
    this.#seen.add(task);
    this.#lastTask = task;
    this.#faultsBefore = this.#findings.count;
    this.#trace = trace;
  }

  #takeEvent(event: Extract<ExportLine, { kind: "event" }>["value"]): void {
    this.#events += 1;
    if (this.#trace === undefined) {
      // The line of its task was not there, or could not be read: the trace stands for itself.
      if (!this.#seen.has(event.task) && this.#findings.count === 0)
        this.#add(`the line of ${event.task}`, "dropped", "its trace stands without it");
      return this.#startTrace(event.task, this.#takeFirst(event));
    }
    if (event.task !== this.#trace.task && event.seq === 1) {
      this.#leaveTrace();
      this.#add(`the line of ${event.task}`, "dropped", "its trace stands without it");
      return this.#startTrace(event.task, this.#takeFirst(event));
    }
    this.#trace.take(this.#line, event);
  }

  #takeFirst(event: Extract<ExportLine, { kind: "event" }>["value"]): TraceWalk {
    const trace = new TraceWalk(this.#traceContext, event.task, undefined);
    trace.take(this.#line, event);
    return trace;
  }

  #leaveTrace(): void {
    if (this.#trace === undefined) return;
    const { task, events, erased } = this.#trace;
    this.#trace.finish(this.#line);
    if (erased !== undefined) this.#erased.push({ task, ...erased });
    const outcome = this.#findings.count > this.#faultsBefore ? "broken" : "intact";
    this.#items.push({ task, outcome, events, ...(erased === undefined ? {} : { erased: erased.events }) });
    this.#trace = undefined;
  }

  #takeEnd({ lines, tasks }: { readonly lines: number; readonly tasks: number }): void {
    this.#leaveTrace();
    this.#ended = true;
    if (this.#findings.count > 0) return;
    if (lines !== this.#line || tasks !== this.#seen.size)
      this.#add("the export", "dropped", `it had ${lines} lines with ${tasks} traces`);
  }

  /** Only where nothing else is wrong with the line: then it is in its place, and its number is not, or others are gone. */
  #checkNumber(number: number, isFaulty: boolean): void {
    const expected = this.#number + 1;
    this.#number = isFaulty || number < expected ? expected : number;
    if (isFaulty || number === expected) return;
    if (this.#findings.count > 0) return;
    if (number > expected)
      this.#add(`line ${expected}`, "dropped", `line ${number} stands in its place, or is altered`);
    else this.#add(`line ${number}`, "reordered", "it stands too late, or is altered");
  }

  /** Without this, whoever takes all signatures out and chains the rest anew would be believed. */
  #checkSigned(): void {
    if (this.#key === undefined || this.#facts.signatures.heads > 0 || this.#findings.count > 0) return;
    this.#add("the audit log", "forged", "no head of it is signed with the key that was given");
  }

  #checkApplies(): void {
    if (!this.#isLogIntact) return;
    for (const { line, planId, digest } of this.#applies) {
      const record = this.#facts.recordOf(planId);
      if (record === undefined ? !this.#isLogWhole : record === digest) continue;
      const detail = record === undefined ? "the audit log does not tell of it" : "the audit log knows another one";
      this.#findings.add(line, `the apply of plan ${planId}`, "contradicted", detail);
    }
  }

  /** Whoever alters an event could call it erased: only the log says which are. */
  #checkErased(): void {
    for (const { task, line, what, left } of this.#erased) {
      const told = this.#facts.erased.get(task);
      if (told === left || (told === undefined && !this.#isLogWhole)) continue;
      const detail =
        told === undefined ? "the audit log tells of no erasure" : "something else was left by its erasure";
      this.#findings.add(line, what, "altered", detail);
    }
  }

  #checkMissingTraces(): void {
    const scope = this.#head?.scope;
    if (scope === undefined || !this.#ended) return;
    for (const [task, ends] of this.#facts.ends) {
      const end = ends.at(-1);
      if (end === undefined || this.#seen.has(task) || !isInScope(scope, task, end.finishedAt)) continue;
      const detail = `entry ${end.number} of the audit log knows ${end.events} events, and none is here`;
      this.#findings.add(this.#line, `the trace of ${task}`, "dropped", detail);
    }
  }
}
