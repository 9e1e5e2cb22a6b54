// Which values of a manifest are secret, and how a manifest is shown without them. The only judge of both.
import type { Manifest } from "./manifest.ts";
import { SENSITIVE } from "./plan.ts";

/**
 * JSON pointers to the values that must never be shown: every value of a Secret, and literal credentials elsewhere
 * (an environment value or option that is named like one, text that looks like one, a password inside a URL).
 */
export function sensitivePaths(manifest: Manifest): string[] {
  const found: string[] = [];
  if (manifest.kind === "Secret") {
    // `from` names places and `sealed` is encrypted: both may be read by anybody.
    for (const field of ["data", "string_data"]) collectAll(manifest.spec[field], `/spec/${field}`, found);
    if (Object.hasOwn(manifest.metadata.annotations, LAST_APPLIED)) {
      found.push(`/metadata/annotations/${escapePointer(LAST_APPLIED)}`);
    }
  } else {
    walk(manifest.spec, { key: "", steps: ["spec"] }, found);
  }
  return found;
}

/** Where kubectl keeps a copy of the whole manifest, values and all. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** The same manifest with {@link SENSITIVE} in place of each such value; `paths`: for whoever has them already. */
export function hideSensitive<M extends Manifest>(manifest: M, paths = sensitivePaths(manifest)): M {
  return paths.length === 0 ? manifest : (replace(manifest, "", new Set(paths)) as M);
}

function collectAll(value: unknown, pointer: string, found: string[]): void {
  if (typeof value !== "object" || value === null) {
    if (value !== undefined) found.push(pointer);
    return;
  }
  for (const [key, item] of Object.entries(value)) collectAll(item, `${pointer}/${escapePointer(key)}`, found);
}

interface Way {
  /** The name that says what the value is. */
  readonly key: string;
  /** The way to the value, made a pointer of only where one is found: hardly any is, and every manifest is walked. */
  readonly steps: string[];
}

function walk(value: unknown, { key, steps }: Way, found: string[]): void {
  if (typeof value === "string") {
    if (isCredential(key, value)) found.push(`/${steps.map(escapePointer).join("/")}`);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  // `{name, value}` is how environment variables are written: the name says what the value is.
  const named = "name" in value && "value" in value && typeof value.name === "string" ? value.name : undefined;
  for (const [field, item] of Object.entries(value)) {
    steps.push(field);
    walk(item, { key: named !== undefined && field === "value" ? named : field, steps }, found);
    steps.pop();
  }
}

/** What every one of {@link SECRET_WORDS} holds, in any case and spelling. */
const SECRET_PART = /key|secret|token|passw|credential/iu;
const SECRET_WORDS = /(?:^|_)(?:api_?key|access_?key|private_?key|secret|token|password|passwd|credentials?)$/;
/** Prefixes that issuers give their keys, and keys in PEM form. */
const KEY_SHAPES =
  /^(?:sk-|[rs]k_live_|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AKIA[0-9A-Z]{12}|AIza[0-9A-Za-z_-]{20}|npm_[0-9A-Za-z]{30}|hf_[0-9A-Za-z]{30}|AGE-SECRET-KEY-|eyJ[0-9A-Za-z_-]{10,}\.eyJ|cw_[\w.-]{1,63}_[\w-]{43})|-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const URL_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/@\s:]*:[^/@\s]+@/i;

/** `api_key: …` and `"token": "…"`, wherever they stand, and what has the shape of a key. */
const CREDENTIAL_TEXT =
  /(?:api[_-]?key|access[_-]?key|private[_-]?key|secret|token|password|passwd|credentials?)["']?\s*[:=]\s*["']?[^\s"'{[|>]|\b(?:sk-|[rs]k_live_|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|xapp-|A[KS]IA[0-9A-Z]{12}|AIza[0-9A-Za-z_-]{20}|npm_[0-9A-Za-z]{30}|hf_[0-9A-Za-z]{30}|AGE-SECRET-KEY-|eyJ[0-9A-Za-z_-]{10}|cw_[\w.-]{1,63}_[\w-]{43}|bearer [0-9A-Za-z._~+/-]{20})|--(?:api-?key|access-?key|token|password|passwd|secret) |PRIVATE KEY-----|:\/\/[^/@\s:]*:[^/@\s]+@/i;

/** Whether a text may hold a credential that no manifest was made of: in a field that nobody knows, in a broken file. */
export function mayHoldCredential(text: string): boolean {
  return CREDENTIAL_TEXT.test(text);
}

/** The names of the vocabulary that refer to secrets, and hold none. */
const REFERENCES: readonly string[] = [
  "secret_ref",
  "endpoint_secret_ref",
  "image_pull_secret",
  "prompt",
  "description",
];

function isCredential(key: string, value: string): boolean {
  if (value === "" || REFERENCES.includes(key)) return false;
  const isNamedSo = SECRET_PART.test(key) && SECRET_WORDS.test(snakeCase(key));
  return isNamedSo || KEY_SHAPES.test(value) || URL_PASSWORD.test(value);
}

function snakeCase(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/[-.]/g, "_")
    .toLowerCase();
}

function replace(value: unknown, pointer: string, paths: ReadonlySet<string>): unknown {
  if (paths.has(pointer)) return SENSITIVE;
  if (Array.isArray(value)) return value.map((item, index) => replace(item, `${pointer}/${index}`, paths));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(
    ([key, item]) => [key, replace(item, `${pointer}/${escapePointer(key)}`, paths)] as const,
  );
  return Object.fromEntries(entries);
}

/** One step of a JSON pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.includes("~") || key.includes("/") ? key.replaceAll("~", "~0").replaceAll("/", "~1") : key;
}
