// A whole set as text: which files it has, what they declare and where, and what each check asked. Without the manifests
// themselves, which stand in the packs, and without anything of a file that may hold a secret. Pure.
import { createHash } from "node:crypto";
import type { Address } from "../../../contracts/address.ts";
import type { Digest } from "../../../contracts/canonical.ts";
import type { Problem } from "../../../contracts/problem.ts";

/** What an inquiry found: facts and looks, as in declared.ts. */
export type InquiryRow = readonly [facts: readonly string[], looked: number];

/** Columns, because a hundred thousand small objects take ten times as long to read. */
export interface KeptSet<Read> {
  /** Whatever the source needs to go on from this set. */
  readonly read: Read;
  readonly paths: readonly string[];
  readonly blobs: readonly string[];
  /** How many documents of each file are manifests. */
  readonly counts: readonly number[];
  /** Positions of files that must be read again: they may hold secrets, or stand in no pack. */
  readonly unkept: readonly number[];
  /** By file, where there are any. */
  readonly fileProblems: readonly (readonly [file: number, problems: readonly Problem[]])[];
  /** Of each manifest in the order of addresses, but for those of unkept files. */
  readonly addresses: readonly Address[];
  readonly digests: readonly Digest[];
  readonly files: readonly number[];
  /** Its number within its file. */
  readonly indexes: readonly number[];
  readonly lines: readonly number[];
  readonly columns: readonly number[];
  /** Positions among them of those with errors, and of those with annotations. */
  readonly invalid: readonly number[];
  readonly annotated: readonly number[];
  readonly problems: readonly (readonly [address: string, problems: readonly Problem[]])[];
  readonly toolProblems: readonly Problem[];
  /** How often each looked for a near match, where it did. */
  readonly looks: readonly (readonly [address: string, looked: number])[];
  readonly readers: readonly (readonly [address: string, inquiry: InquiryRow])[];
  /** Needed only where names come or go. */
  readonly inquiries: () => readonly (readonly [address: string, inquiry: InquiryRow])[];
}

const MAGIC = "countwheel-set";

/** `fit` names the version and schemas that made the set. */
export function renderKeptSet<Read>(fit: string, { inquiries, ...head }: KeptSet<Read>): Buffer {
  const body = Buffer.from(`${JSON.stringify(head)}\n${JSON.stringify(inquiries())}`);
  return Buffer.concat([Buffer.from(firstLine(fit, body)), body]);
}

/** undefined: it is no set, of another version, or damaged. `Read` is proved with the rest: only we write it. */
export function openKeptSet<Read>(fit: string, text: Buffer): KeptSet<Read> | undefined {
  const start = text.indexOf(10) + 1;
  const body = text.subarray(start);
  if (start === 0 || text.toString("latin1", 0, start) !== firstLine(fit, body)) return undefined;
  const end = body.indexOf(10);
  const head = JSON.parse(body.toString("utf8", 0, end)) as Omit<KeptSet<Read>, "inquiries">;
  return {
    ...head,
    inquiries: () => JSON.parse(body.toString("utf8", end + 1)) as ReturnType<KeptSet<Read>["inquiries"]>,
  };
}

function firstLine(fit: string, body: Uint8Array): string {
  return `${MAGIC} ${fit} ${createHash("sha256").update(body).digest("hex")}\n`;
}
