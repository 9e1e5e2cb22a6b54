// Walks along the trace of one task in an export: its chain, where the log says that it ended, and the plan it came from.
import { chainStart, type TraceEvent } from "../trace.ts";
import { ChainWalk } from "./chain-walk.ts";
import { digestErased, isErased } from "./erasure.ts";
import type { ExportedTask } from "./export-lines.ts";
import type { Findings } from "./finding.ts";
import type { LogFacts, ToldEnd } from "./log-facts.ts";

export interface TraceContext {
  readonly findings: Findings;
  readonly facts: LogFacts;
  /** False: entries were pruned, so what the log does not tell may have stood in them. */
  readonly isLogWhole: boolean;
}

export class TraceWalk {
  readonly task: string;
  readonly #context: TraceContext;
  readonly #told: ExportedTask | undefined;
  readonly #chain: ChainWalk;
  readonly #ends: readonly ToldEnd[];
  readonly #erased: { readonly line: number; readonly event: TraceEvent }[] = [];

  /** `told` undefined: the line of the task could not be read. */
  constructor(context: TraceContext, task: string, told: ExportedTask | undefined) {
    this.task = task;
    this.#context = context;
    this.#told = told;
    this.#ends = context.facts.ends.get(task) ?? [];
    const name = (seq: number): string => `event ${seq} of ${task}`;
    this.#chain = new ChainWalk(context.findings, name, { number: 0, hash: chainStart(task) });
  }

  /** How many events were seen. */
  get events(): number {
    return this.#chain.last;
  }

  /** What is left of events that were erased, and the line of the first; undefined: none was. */
  get erased():
    | { readonly line: number; readonly what: string; readonly left: string; readonly events: number }
    | undefined {
    const [first] = this.#erased;
    if (first === undefined) return undefined;
    const left = digestErased(this.#erased.map(({ event }) => event));
    const what = `event ${first.event.seq} of ${this.task}`;
    return { line: first.line, what, left, events: this.#erased.length };
  }

  get expected(): string {
    return this.#isWhole ? `the end of the trace of ${this.task}` : this.#chain.expected;
  }

  get #isWhole(): boolean {
    return this.#told !== undefined && this.#chain.last >= this.#told.events;
  }

  take(line: number, event: TraceEvent): void {
    const { findings } = this.#context;
    const { seq: number, prev, hash, task, type } = event;
    if (!this.#chain.take(line, { number, prev, hash, body: isErased(event) ? null : event })) return;
    if (isErased(event)) this.#erased.push({ line, event });
    const what = `event ${number} of ${this.task}`;
    if (task !== this.task) return findings.add(line, what, "altered", `it says that it is of ${task}`);
    const end = this.#ends.find(({ events }) => events === number);
    if (end !== undefined && end.head !== hash)
      findings.add(line, what, "contradicted", `entry ${end.number} of the audit log knows another one`);
    if (type === "task.created") this.#checkPlan(line, event);
  }

  skip(): void {
    this.#chain.skip();
  }

  /** `line`: the one behind its last. */
  finish(line: number): void {
    const { findings } = this.#context;
    const { last, hash } = this.#chain;
    const what = this.#chain.expected;
    const told = this.#told;
    const end = this.#ends.at(-1);
    if (told !== undefined && told.events > last) findings.add(line, what, "cut", `there were ${told.events} events`);
    else if (end !== undefined && end.events > last)
      findings.add(line, what, "cut", `entry ${end.number} of the audit log knows ${end.events} events`);
    else if (told !== undefined && (told.events < last || (hash !== undefined && hash !== told.head)))
      findings.add(line, `the trace of ${this.task}`, "contradicted", `it does not end as the line of its task says`);
  }

  /** Commit → plan → apply → task. A task that no plan ordered (run, a trigger) names none. */
  #checkPlan(line: number, { plan, source }: TraceEvent): void {
    if (typeof plan !== "string") return;
    const { findings, facts, isLogWhole } = this.#context;
    const commits = facts.commitsOf(plan);
    const what = `the plan of ${this.task}`;
    if (commits === undefined) {
      if (isLogWhole) findings.add(line, what, "contradicted", `the audit log tells of no apply of ${plan}`);
      return;
    }
    const commit = commitOf(source);
    if (commit !== null && !commits.has("null") && !commits.has(commit))
      findings.add(line, what, "contradicted", `the audit log has it applied at another commit than ${commit}`);
  }
}

function commitOf(source: unknown): string | null {
  const commit = typeof source === "object" && source !== null && "commit" in source ? source.commit : null;
  return typeof commit === "string" ? commit : null;
}
