// Resolves references to secret values from the Secret manifests of a snapshot, and remembers what must be redacted.
import { addressOf } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { SecretSpec } from "../../contracts/kinds/secret.ts";
import { specOf } from "../../contracts/kinds.ts";
import { pointerTo } from "../../contracts/secret-path.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { AgeKeys } from "./age-keys.ts";
import { findSecretFile, type Lookup, readSecretFile, readVariable, type SecretAccess } from "./allowed.ts";
import { DEFAULT_KEY, parseSecretReference, type SecretReference } from "./reference.ts";

export interface Secrets {
  /**
   * The value behind a reference in a manifest of `namespace`; `neededBy` names that manifest for people. Throws
   * PermanentFailure SECRET_MISSING or SECRET_REFUSED, or what stands in the way of an encrypted value (`SealedFailure`,
   * `SopsFailure`); never a value in its text.
   */
  resolve(reference: string, namespace: string, neededBy: string): Promise<string>;
  /** Every value that was resolved, and every value that stands in a manifest: what may be written nowhere. */
  knownValues(): readonly string[];
  /** Something else that may be written nowhere, such as a token that a secret was changed for. */
  note(value: string): void;
}

/** `signal` ends what is under way to open one; its reason is thrown then. */
export function openSecrets(entries: Snapshot["entries"], access: SecretAccess, signal = NEVER): Secrets {
  const known = new Set(literalValues(entries));
  const find = (namespace: string, name: string): SecretSpec | undefined => {
    const entry = entries[addressOf({ kind: "Secret", namespace, name })];
    return entry === undefined ? undefined : specOf(entry.manifest, "Secret");
  };
  return {
    async resolve(text, namespace, neededBy) {
      const reference = parseSecretReference(text, namespace, (inside, name) => find(inside, name) !== undefined);
      const spec = find(reference.namespace, reference.name);
      if (spec === undefined) throw missing(reference, neededBy, noManifest(reference));
      const lookup = await look(spec, reference, access, signal);
      if (lookup.outcome === "refused") throw refused(reference, neededBy, lookup);
      if (lookup.outcome === "missing") throw missing(reference, neededBy, lookup.why);
      known.add(lookup.value);
      return lookup.value;
    },
    knownValues: () => [...known],
    note: (value) => void known.add(value),
  };
}

/** A place outside Git goes before a value in it: that is how a value is replaced without a commit. */
async function look(
  spec: SecretSpec,
  reference: SecretReference,
  access: SecretAccess,
  signal: AbortSignal,
): Promise<Lookup> {
  const { key } = reference;
  const place = own(spec.from, key);
  if (place?.env !== undefined) return readVariable(place.env, access);
  if (place?.file !== undefined) return readSecretFile(place.file, access);
  if (place?.sops !== undefined)
    return openSops({ path: place.sops, value: place.path ?? pointerTo(key) }, access, signal);
  const sealed = own(spec.sealed, key);
  if (sealed !== undefined) return unseal(sealed, reference, access);
  const value = literal(spec, key);
  return value === undefined || value === ""
    ? { outcome: "missing", why: otherKeys(spec, reference) }
    : { outcome: "found", value };
}

async function unseal(sealed: string, reference: SecretReference, { ageKeys }: SecretAccess): Promise<Lookup> {
  const answer = await (ageKeys ?? NO_KEYS).open(sealed, reference);
  if (answer.outcome === "refused") return answer;
  return answer.value === ""
    ? { outcome: "missing", why: "what is sealed is empty" }
    : { outcome: "found", value: answer.value };
}

async function openSops(
  { path, value }: { readonly path: string; readonly value: string },
  { sopsFiles, folders }: SecretAccess,
  signal: AbortSignal,
): Promise<Lookup> {
  const found = await findSecretFile(path, { folders });
  if (found.outcome !== "found") return found;
  if (sopsFiles === undefined) return { outcome: "refused", why: "files of SOPS are not opened here" };
  return sopsFiles.open(found, value, signal);
}

const NEVER = new AbortController().signal;
const NO_KEYS = new AgeKeys({ files: [] });

function literal(spec: SecretSpec, key: string): string | undefined {
  const encoded = own(spec.data, key);
  return own(spec.string_data, key) ?? (encoded === undefined ? undefined : decode(encoded));
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function own<T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

function literalValues(entries: Snapshot["entries"]): string[] {
  const specs = Object.values(entries).flatMap(({ manifest }) => {
    const spec = specOf(manifest, "Secret");
    return spec === undefined ? [] : [spec];
  });
  const values = specs.flatMap((spec) => [
    ...Object.values(spec.string_data ?? {}),
    ...Object.values(spec.data ?? {}).map(decode),
  ]);
  return values.filter((value) => value !== "");
}

function display({ namespace, name, key }: SecretReference): string {
  return `${namespace}/${name}:${key}`;
}

function noManifest({ namespace, name, key }: SecretReference): string {
  return `declare a Secret \`${name}\` in namespace \`${namespace}\`, such as \`from: { ${key}: { env: ${variableName(name, key)} } }\``;
}

function otherKeys(spec: SecretSpec, { name, key }: SecretReference): string {
  const keys = [spec.from, spec.string_data, spec.data, spec.sealed].flatMap((map) => Object.keys(map ?? {}));
  const others = [...new Set(keys)].filter((other) => other !== key);
  const [only] = others;
  if (only === undefined) return `give it a value, such as \`from: { ${key}: { env: ${variableName(name, key)} } }\``;
  return `it has ${others.map((other) => `\`${other}\``).join(", ")}; write \`${name}:${only}\` if that is meant`;
}

function variableName(name: string, key: string): string {
  const words = key === DEFAULT_KEY ? name : `${name}_${key}`;
  return `COUNTWHEEL_SECRET_${words.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
}

function missing(reference: SecretReference, neededBy: string, how: string): PermanentFailure {
  const message = `secret \`${display(reference)}\`, which ${neededBy} needs, has no value: ${how}`;
  return new PermanentFailure("SECRET_MISSING", message, { details: { ...reference } });
}

function refused(
  reference: SecretReference,
  neededBy: string,
  { code = "SECRET_REFUSED", why }: Extract<Lookup, { outcome: "refused" }>,
): PermanentFailure {
  const message = `secret \`${display(reference)}\`, which ${neededBy} needs, is out of reach: ${why}`;
  return new PermanentFailure(code, message, { details: { ...reference } });
}
