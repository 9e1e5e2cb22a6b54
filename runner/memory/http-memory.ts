// A memory behind HTTP: one POST of JSON to `<endpoint>/<operation>`, answered with JSON. docs/memory.md describes it.
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { MemorySpec } from "../../contracts/kinds/memory.ts";
import type { Secrets } from "../secrets/secrets.ts";
import { type Outbound, readBounded, sendChecked } from "../tools/checked-request.ts";
import { openCredentials } from "../tools/credentials.ts";
import type { OAuthTokens } from "../tools/oauth-tokens.ts";
import { entryOf } from "./entry.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { Memory, MemoryEntry, MemoryHit } from "./memory.ts";

export interface HttpMemorySource {
  readonly namespace: string;
  /** For people: `Memory default/notes`. */
  readonly label: string;
  readonly spec: MemorySpec;
  readonly secrets: Secrets;
  readonly tokens: OAuthTokens;
  readonly outbound: (url: URL) => Outbound;
}

export function openHttpMemory(source: HttpMemorySource): Memory {
  const { label } = source;
  return {
    read: async (key, signal) => {
      const { entry } = await post(source, "read", { key }, signal);
      return entry === undefined || entry === null ? undefined : checkedEntry(label, entry);
    },
    write: async (entries, signal) => {
      await post(source, "write", { entries }, signal);
    },
    search: async (query, limit, signal) => {
      const { entries } = await post(source, "search", { query, limit }, signal);
      return listOf(label, entries)
        .slice(0, limit)
        .map((entry) => checkedHit(label, entry));
    },
    list: async (prefix, limit, signal) => {
      const { keys } = await post(source, "list", { prefix, limit }, signal);
      return listOf(label, keys)
        .slice(0, limit)
        .map((key) => ({ key: checkedText(label, key) }));
    },
  };
}

type Answer = Readonly<Record<string, unknown>>;

async function post(source: HttpMemorySource, operation: string, body: unknown, signal: AbortSignal): Promise<Answer> {
  const { label } = source;
  signal.throwIfAborted();
  const url = await urlOf(source, operation);
  const late = AbortSignal.timeout(MEMORY_LIMITS.httpTimeoutMs);
  const bounded = AbortSignal.any([signal, late]);
  const headers = {
    ...(await credentialsOf(source, bounded)),
    "Content-Type": "application/json",
    Accept: "application/json",
    "Accept-Encoding": "identity",
  };
  try {
    const request = { method: "POST", url, headers, body: JSON.stringify(body), signal: bounded };
    const response = await sendChecked(request, source.outbound(url));
    const { bytes, complete } = await readBounded(response, MEMORY_LIMITS.httpBytes, bounded);
    response.destroy();
    return readAnswer(label, response.statusCode ?? 0, complete ? bytes.toString("utf8") : undefined);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!late.aborted) throw error;
    throw new TransientFailure("MEMORY_TIMEOUT", `${label} did not answer within ${MEMORY_LIMITS.httpTimeoutMs} ms`);
  }
}

async function credentialsOf(
  { label, spec, namespace, secrets, tokens, outbound }: HttpMemorySource,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  return (await openCredentials(spec.auth, namespace, label, { secrets, tokens, outbound })).headers(signal);
}

async function urlOf({ label, spec, namespace, secrets }: HttpMemorySource, operation: string): Promise<URL> {
  const { endpoint, endpoint_secret_ref: secret } = spec;
  const base = secret === undefined ? endpoint : await secrets.resolve(secret, namespace, label);
  if (base === undefined || !URL.canParse(base)) {
    throw new PermanentFailure("ENDPOINT_INVALID", `${label}: \`endpoint\` is no address`);
  }
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${operation}`;
  return url;
}

function readAnswer(label: string, status: number, text: string | undefined): Answer {
  if (status === 401 || status === 403) {
    throw new PermanentFailure("MEMORY_AUTH", `${label} refused the credentials (${status})`);
  }
  if (status >= 500 || status === 408 || status === 429) {
    throw new TransientFailure("MEMORY_UNAVAILABLE", `${label} answered ${status}`);
  }
  if (status < 200 || status > 299) throw new PermanentFailure("MEMORY_REFUSED", `${label} answered ${status}`);
  return parse(text) ?? unreadable(label, text === undefined ? "it is too large" : "it is no JSON object");
}

function parse(text: string | undefined): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Answer) : undefined;
  } catch {
    // The caller names the memory.
    return undefined;
  }
}

function unreadable(label: string, why: string): never {
  throw new PermanentFailure("MEMORY_UNREADABLE", `the answer of ${label} cannot be read: ${why}`);
}

function listOf(label: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : unreadable(label, "a list is missing");
}

function checkedText(label: string, value: unknown): string {
  return typeof value === "string" ? value : unreadable(label, "a key is no text");
}

function checkedEntry(label: string, value: unknown): MemoryEntry {
  const key = (value as { readonly key?: unknown }).key;
  return entryOf(checkedText(label, key), value) ?? unreadable(label, "an entry lacks `value` or `written`");
}

function checkedHit(label: string, value: unknown): MemoryHit {
  if (typeof value !== "object" || value === null) return unreadable(label, "an entry is no object");
  const { score } = value as { readonly score?: unknown };
  const isScore = typeof score === "number" && score >= 0 && score <= 1;
  return { ...checkedEntry(label, value), score: isScore ? score : 0 };
}
