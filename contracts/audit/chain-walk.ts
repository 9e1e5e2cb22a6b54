// Walks along one hash chain, link by link, and names what does not fit. After a fault it goes on from what it finds, so
// that one fault is told once.
import { hashOf } from "./entry.ts";
import type { Findings } from "./finding.ts";

export interface Link {
  readonly number: number;
  readonly prev: string;
  readonly hash: string;
  /** What the hash is made of, and the hash. null: it was erased, and only the links can be checked. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

export class ChainWalk {
  readonly #findings: Findings;
  readonly #name: (number: number) => string;
  #last: number;
  /** undefined: what stood there could not be read. */
  #hash: string | undefined;

  constructor(
    findings: Findings,
    name: (number: number) => string,
    after: { readonly number: number; readonly hash: string | undefined },
  ) {
    this.#findings = findings;
    this.#name = name;
    this.#last = after.number;
    this.#hash = after.hash;
  }

  /** The highest number that was seen. */
  get last(): number {
    return this.#last;
  }

  /** The hash there; undefined where it cannot be told. */
  get hash(): string | undefined {
    return this.#hash;
  }

  get expected(): string {
    return this.#name(this.#last + 1);
  }

  /** False: it is not as it was written, or not where. Nothing that it says should be believed. */
  take(line: number, link: Link): boolean {
    const { number, prev, hash, body } = link;
    if (body !== null && hashOf(body) !== hash) return this.#takeAltered(line);
    if (number <= this.#last) return this.#takeLate(line, number);
    for (let missing = this.#last + 1; missing < number && missing <= this.#last + 100; missing += 1)
      this.#findings.add(line, this.#name(missing), "dropped", `${this.#name(number)} stands in its place`);
    const follows = number > this.#last + 1 || this.#hash === undefined || prev === this.#hash;
    if (!follows)
      this.#findings.add(line, this.#name(number), "altered", `it does not follow ${this.#name(number - 1)}`);
    this.#last = number;
    this.#hash = hash;
    return follows;
  }

  /** Something stood there that cannot be read: it counts as the next link. */
  skip(): void {
    this.#last += 1;
    this.#hash = undefined;
  }

  #takeAltered(line: number): false {
    this.#findings.add(line, this.expected, "altered", "what it says does not come to its hash");
    this.skip();
    return false;
  }

  #takeLate(line: number, number: number): false {
    const what = this.#name(number);
    const detail = `it stands behind ${this.#name(this.#last)}`;
    const finding = { line, what, reason: "reordered" as const, detail };
    if (!this.#findings.replace(what, finding)) this.#findings.add(line, what, "reordered", detail);
    return false;
  }
}
