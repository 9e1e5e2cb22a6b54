// Values in files that SOPS has encrypted, opened by the `sops` of this machine where they are used. One after the other, and
// kept for a minute while the file and the age identities stay the same: webhooks that nobody signed start no crowd of programs.
import type { BigIntStats } from "node:fs";
import { readSecretPath } from "../../contracts/secret-path.ts";
import { unlessAborted } from "../unless-aborted.ts";
import type { AgeKeys } from "./age-keys.ts";
import type { Lookup } from "./allowed.ts";
import { decryptWithSops } from "./sops.ts";

interface Kept {
  readonly of: string;
  readonly untilMs: number;
  readonly lookup: Lookup;
}

export interface SopsFile {
  /** Absolute, without links, and allowed. */
  readonly file: string;
  readonly state: BigIntStats;
}

type Turn = Promise<unknown>;

const KEPT_MS = 60_000;
/** Whoever mends something waits for no more than this. */
const KEPT_FAILED_MS = 1_000;
const MAX_KEPT = 256;

export class SopsFiles {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #ageKeys: Pick<AgeKeys, "identities">;
  readonly #monotonicMs: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #turns = new Map<string, Turn>();

  /** `variables`: of this process; `sops` gets those by which it finds its keys. */
  constructor(
    variables: Readonly<Record<string, string>>,
    ageKeys: Pick<AgeKeys, "identities">,
    monotonicMs: () => number,
  ) {
    this.#variables = variables;
    this.#ageKeys = ageKeys;
    this.#monotonicMs = monotonicMs;
  }

  /** Throws the reason of an aborted signal, once nothing of `sops` is left. */
  open(file: SopsFile, path: string, signal: AbortSignal): Promise<Lookup> {
    const place = `${file.file}\0${path}`;
    const before = this.#turns.get(place);
    const opened = this.#openAfter(before, () => this.#openInTurn(file, path, place, signal), signal);
    // Whoever gives up its place in the line does not let others past those before it.
    const turn = Promise.allSettled([before, opened]);
    this.#turns.set(place, turn);
    void turn.then(() => this.#turns.get(place) === turn && this.#turns.delete(place));
    return opened;
  }

  async #openAfter(before: Turn | undefined, open: () => Promise<Lookup>, signal: AbortSignal): Promise<Lookup> {
    if (before !== undefined) await unlessAborted(() => before, signal);
    return open();
  }

  async #openInTurn({ file, state }: SopsFile, path: string, place: string, signal: AbortSignal): Promise<Lookup> {
    const identities = await this.#ageKeys.identities();
    const { dev, ino, size, mtimeNs, ctimeNs } = state;
    const of = [dev, ino, size, mtimeNs, ctimeNs, ...identities].join(" ");
    const known = this.#kept.get(place);
    if (known?.of === of && known.untilMs > this.#monotonicMs()) return known.lookup;
    this.#kept.delete(place);
    const opened = await decryptWithSops(file, this.#variables, identities, signal);
    const lookup = opened.outcome === "opened" ? pick(opened.content, path, file) : opened;
    this.#keep(place, of, lookup);
    return lookup;
  }

  #keep(place: string, of: string, lookup: Lookup): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    const keptMs = lookup.outcome === "found" ? KEPT_MS : KEPT_FAILED_MS;
    this.#kept.set(place, { of, untilMs: this.#monotonicMs() + keptMs, lookup });
  }
}

/** Names of keys stand in a file of SOPS for everybody to read; values are never told. */
function pick(content: unknown, path: string, file: string): Lookup {
  const keys = readSecretPath(path);
  if (keys === undefined) return { outcome: "refused", why: `\`${path}\` is no path in \`${file}\`` };
  let at = content;
  for (const key of keys) {
    if (!isContainer(at) || !Object.hasOwn(at, key)) return noSuchKey(path, file, at);
    at = at[key];
  }
  return textOf(at, path, file);
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

const MAX_TOLD = 10;

function noSuchKey(path: string, file: string, at: unknown): Lookup {
  const there = isContainer(at) ? Object.keys(at).filter((key) => key !== "sops") : [];
  const told = there.slice(0, MAX_TOLD).map((key) => `\`${key}\``);
  const others =
    told.length === 0 ? "" : `; there are ${told.join(", ")}${there.length > MAX_TOLD ? " and others" : ""}`;
  return { outcome: "missing", why: `\`${file}\` has no \`${path}\`${others}` };
}

/** Numbers are told by JSON without what was written: only those that cannot have changed are taken. */
function textOf(value: unknown, path: string, file: string): Lookup {
  const isSure = typeof value === "boolean" || Number.isSafeInteger(value);
  if (typeof value !== "string" && !isSure)
    return { outcome: "refused", why: `\`${path}\` in \`${file}\` is no text; put it in quotes there with \`sops\`` };
  if (value === "") return { outcome: "missing", why: `\`${path}\` in \`${file}\` is empty` };
  return { outcome: "found", value: String(value) };
}
