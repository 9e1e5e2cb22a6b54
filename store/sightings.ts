// What runners saw of the world: tool definitions of MCP servers, secrets without a value. For drift, never for a decision.
import { PermanentFailure } from "../contracts/failure.ts";
import { type ToolText, toolTextDigest } from "../contracts/tool-difference.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { environmentKeys } from "./keys.ts";
import { isObject, jsonOf, objectOf, textOf } from "./reply.ts";
import { listRunners } from "./runners.ts";

/** The tools that one server offered when a runner opened it last. */
export interface SeenTools {
  readonly namespace: string;
  readonly server: string;
  /** Digest of the spec that it was started from, pins apart: what it offers says nothing of another spec. */
  readonly launch: string;
  /** As the server names them → the digest that a pin would hold. */
  readonly tools: Readonly<Record<string, string>>;
  readonly runner: string;
  readonly at: string;
  /** By digest: what tools that are pinned are, and what they were when a runner found them as their pins say. */
  readonly texts: Readonly<Record<string, ToolText>>;
}

/** What one runner saw: `texts` of tools that are pinned, `pins` the digests that they are pinned to. */
export interface Sighting extends SeenTools {
  readonly pins: readonly string[];
}

/** What a pin stands for is kept from the sighting before, where the server does not offer it any more. */
export async function tellTools(redis: Redis, env: string, { pins, ...seen }: Sighting): Promise<void> {
  const { seenTools } = environmentKeys(env);
  const field = `${seen.namespace}/${seen.server}`;
  const before = await ask(redis, () => redis.hget(seenTools, field));
  const [known] = before === null ? [] : readable(() => readSeenTools(field, before));
  const pinned = pins.flatMap((digest) => {
    const text = known?.texts[digest];
    return text === undefined ? [] : [[digest, text] as const];
  });
  const texts = { ...Object.fromEntries(pinned), ...seen.texts };
  await ask(redis, () => redis.hset(seenTools, field, JSON.stringify({ ...seen, texts })));
}

/** The server is another one now, or gone: what it offered says nothing any more. */
export async function forgetTools(
  redis: Redis,
  env: string,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<void> {
  await ask(redis, () => redis.hdel(environmentKeys(env).seenTools, `${namespace}/${name}`));
}

/** By server. An entry that cannot be read is left out: the next opening of that server writes it anew. */
export async function readTools(redis: Redis, env: string): Promise<SeenTools[]> {
  const found = await ask(redis, () => redis.hgetall(environmentKeys(env).seenTools));
  return sortedValues(found).flatMap(([field, text]) => readable(() => readSeenTools(field, text)));
}

function readSeenTools(field: string, text: unknown): SeenTools {
  const what = `the tools seen of ${field}`;
  const fields = objectOf(what, jsonOf(what, text));
  const tools = Object.entries(objectOf(what, fields["tools"])).map(([name, digest]) => [name, textOf(what, digest)]);
  return {
    namespace: textOf(what, fields["namespace"]),
    server: textOf(what, fields["server"]),
    launch: textOf(what, fields["launch"]),
    tools: Object.fromEntries(tools),
    runner: textOf(what, fields["runner"]),
    at: textOf(what, fields["at"]),
    texts: readTexts(fields["texts"]),
  };
}

/** Only what its digest stands for: nobody who can write here can make a tool look as harmless as the pinned one. */
function readTexts(value: unknown): SeenTools["texts"] {
  if (!isObject(value)) return {};
  const found = Object.entries(value).flatMap(([digest, item]) => {
    if (!isObject(item)) return [];
    const { name, description, inputSchema, annotations } = item;
    if (typeof name !== "string" || typeof description !== "string") return [];
    const text = { name, description, inputSchema, annotations };
    return toolTextDigest(text) === digest ? [[digest, text] as const] : [];
  });
  return Object.fromEntries(found);
}

/** A Secret's key that a runner has no value for. */
export interface MissingSecret {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly runner: string;
  /** SECRET_MISSING, SECRET_REFUSED, or what stands in the way of a sealed value. */
  readonly code: string;
  readonly at: string;
}

type SecretKey = Pick<MissingSecret, "namespace" | "name" | "key" | "runner">;

export async function tellMissingSecret(redis: Redis, env: string, missing: MissingSecret): Promise<void> {
  await ask(redis, () =>
    redis.hset(environmentKeys(env).missingSecrets, secretField(missing), JSON.stringify(missing)),
  );
}

/** The runner has its value now. */
export async function forgetMissingSecret(redis: Redis, env: string, secret: SecretKey): Promise<void> {
  await ask(redis, () => redis.hdel(environmentKeys(env).missingSecrets, secretField(secret)));
}

/** Those of runners that are there: what a runner that is gone lacked is nobody's matter, and is dropped. */
export async function readMissingSecrets(redis: Redis, env: string): Promise<MissingSecret[]> {
  const key = environmentKeys(env).missingSecrets;
  const found = await ask(redis, () => redis.hgetall(key));
  const told = sortedValues(found).flatMap(([field, text]) => readable(() => readMissing(field, text)));
  if (told.length === 0) return [];
  const runners = new Set((await listRunners(redis, env)).map(({ id }) => id));
  const gone = told.filter(({ runner }) => !runners.has(runner));
  if (gone.length > 0) await ask(redis, () => redis.hdel(key, ...gone.map(secretField)));
  return told.filter(({ runner }) => runners.has(runner));
}

function readMissing(field: string, text: unknown): MissingSecret {
  const what = `the missing secret ${field}`;
  const fields = objectOf(what, jsonOf(what, text));
  return {
    namespace: textOf(what, fields["namespace"]),
    name: textOf(what, fields["name"]),
    key: textOf(what, fields["key"]),
    runner: textOf(what, fields["runner"]),
    code: textOf(what, fields["code"]),
    at: textOf(what, fields["at"]),
  };
}

function secretField({ namespace, name, key, runner }: SecretKey): string {
  return `${namespace}/${name}:${key} ${runner}`;
}

function sortedValues(found: Readonly<Record<string, unknown>>): [string, unknown][] {
  return Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function readable<T>(read: () => T): T[] {
  try {
    return [read()];
  } catch (error) {
    if (error instanceof PermanentFailure) return [];
    throw error;
  }
}
