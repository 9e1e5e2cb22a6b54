// Buttons of checks that people pressed, until each is carried out. GitHub has no list of them: what is lost here is lost.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";
import { jsonOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface Click {
  readonly checkRun: number;
  /** What the check run told: `countwheel:plan:<env>:<digest of the plan>`, or that of an approval. */
  readonly externalId: string;
  readonly head: string;
  readonly button: string;
  readonly login: string;
  /** The account's number. */
  readonly person: number;
}

/** More wait only where nobody carries them out, or somebody plays. */
const KEPT = 1_000;

/** The same button pressed again before it was carried out is one click. */
function clickKey({ checkRun, button, person }: Click): string {
  return `${checkRun}:${button}:${person}`;
}

export async function noteClick(redis: Redis, env: string, click: Click, nowMs: number): Promise<void> {
  const { clicks } = githubKeys(env);
  if ((await ask(redis, () => redis.hlen(clicks))) >= KEPT) return;
  await ask(redis, () => redis.hset(clicks, clickKey(click), JSON.stringify({ ...click, atMs: nowMs })));
}

export async function readClicks(
  redis: Redis,
  env: string,
): Promise<readonly { readonly key: string; readonly click: Click | undefined; readonly atMs: number }[]> {
  const found = await ask(redis, () => redis.hgetall(githubKeys(env).clicks));
  return Object.entries(found).map(([key, text]) => ({ key, ...parseClick(text) }));
}

export async function dropClick(redis: Redis, env: string, key: string): Promise<void> {
  await ask(redis, () => redis.hdel(githubKeys(env).clicks, key));
}

/** One that cannot be read was pressed by nobody. */
function parseClick(text: string): { readonly click: Click | undefined; readonly atMs: number } {
  const what = "a pressed button";
  try {
    const { checkRun, externalId, head, button, login, person, atMs } = objectOf(what, jsonOf(what, text));
    const click = {
      checkRun: numberOf(what, checkRun),
      externalId: textOf(what, externalId),
      head: textOf(what, head),
      button: textOf(what, button),
      login: textOf(what, login),
      person: numberOf(what, person),
    };
    return { click, atMs: numberOf(what, atMs) };
  } catch (error) {
    if (error instanceof PermanentFailure) return { click: undefined, atMs: 0 };
    throw error;
  }
}
