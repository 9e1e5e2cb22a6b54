// What git tells the hooks of a push: which refs are to move, and what the pusher said with `git push -o`. Pure.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { History } from "../../contracts/plan.ts";
import { nearMatch } from "../../reconciler/load/near-match.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import { UsageFailure } from "../output.ts";

export interface RefUpdate {
  /** null: the ref does not exist yet. */
  readonly before: string | null;
  /** null: the ref is to be deleted. */
  readonly after: string | null;
  /** In full, such as `refs/heads/main`, in whatever characters git lets through. */
  readonly ref: string;
}

/** One line a ref: `<old> <new> <name>`, zeros for nothing. */
export function parseUpdates(text: string): readonly RefUpdate[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [, before, after, ref] = /^([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64}) (\S.*)$/s.exec(line) ?? [];
    if (before === undefined || after === undefined || ref === undefined)
      throw new PermanentFailure("HOOK_INPUT", `git told \`${shown(line)}\`, which names no ref to move`);
    return { before: orNothing(before), after: orNothing(after), ref };
  });
}

function orNothing(id: string): string | null {
  return /^0+$/.test(id) ? null : id;
}

export interface PushWords {
  /** The number of prunes that was confirmed, by environment. */
  readonly prunes: ReadonlyMap<string, number>;
  readonly allowHistory: readonly History[];
  /** The options as they were given, to be given again. */
  readonly given: readonly string[];
  /** Names that are none of ours, and nothing like ours. */
  readonly others: readonly string[];
}

const CONFIRM_PRUNES = "confirm-prunes";
const ALLOW_HISTORY = "allow-history";
const NAMES = [CONFIRM_PRUNES, ALLOW_HISTORY] as const;

/** Throws a UsageFailure for a value that cannot be, and for a name that looks like a slip. */
export function parsePushOptions(options: readonly string[]): PushWords {
  const prunes = new Map<string, number>();
  const words = { prunes, allowHistory: [] as History[], given: [] as string[], others: [] as string[] };
  for (const option of options) {
    const [name = "", value = ""] = splitOnce(option);
    if (name === CONFIRM_PRUNES) prunes.set(...confirmationOf(value));
    else if (name === ALLOW_HISTORY) words.allowHistory.push(historyOf(value));
    else words.others.push(otherName(name));
    if (isOurs(name)) words.given.push(option);
  }
  return words;
}

function splitOnce(option: string): readonly string[] {
  const end = option.indexOf("=");
  return end === -1 ? [option] : [option.slice(0, end), option.slice(end + 1)];
}

function isOurs(name: string): boolean {
  return NAMES.some((ours) => ours === name);
}

/** The hooks of others take options, too. */
function otherName(name: string): string {
  const near = nearMatch(name.slice(0, 100), NAMES);
  if (near === undefined) return shown(name);
  throw new UsageFailure(`\`${shown(name)}\` is no push option of Countwheel; did you mean \`${near}\`?`);
}

/** Stands for every environment that the push changes. */
const EVERY = "";

/** `12`, or `production:12` where a push changes several environments. */
function confirmationOf(value: string): [env: string, prunes: number] {
  const [, env = EVERY, count] = /^(?:([\w.-]{1,100}):)?(\d{1,9})$/.exec(value) ?? [];
  if (count !== undefined) return [env, Number(count)];
  throw new UsageFailure(`\`${shown(value)}\` is no whole number: git push -o ${CONFIRM_PRUNES}=12`);
}

export function confirmedFor({ prunes }: PushWords, env: string): number | null {
  return prunes.get(env) ?? prunes.get(EVERY) ?? null;
}

export function confirmWord(env: string, prunes: number, isOneOfSeveral: boolean): string {
  return `${CONFIRM_PRUNES}=${isOneOfSeveral ? `${env}:` : ""}${prunes}`;
}

export function historyWord(history: History): string {
  return `${ALLOW_HISTORY}=${history}`;
}

function historyOf(value: string): History {
  if (value === "forced" || value === "unrelated") return value;
  throw new UsageFailure(
    `\`${shown(value)}\` is neither \`forced\` nor \`unrelated\`: git push -o ${ALLOW_HISTORY}=forced`,
  );
}

function shown(text: string): string {
  return shorten(oneLine(text.slice(0, 400)), 80);
}

/** The command that says one word more than this push did. */
export function pushAgain({ given }: PushWords, word?: string): string {
  const words = [...given, ...(word === undefined ? [] : [word])];
  const isForced = words.some((option) => option.startsWith(ALLOW_HISTORY));
  return ["git push", ...(isForced ? ["--force"] : []), ...words.map((option) => `-o ${option}`)].join(" ");
}
