// Checks over a whole set that what manifests name is declared. A broken reference names both places where it can.
import { MANIFEST_LIMITS } from "../../contracts/limits.ts";
import type { Place, Problem } from "../../contracts/problem.ts";
import { REFERENCES_BY_KIND, type Reference } from "../../contracts/references.ts";
import { readSecretRef } from "../../contracts/secret-ref.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { type ReferenceValue, referenceValues } from "./reference-values.ts";

export function checkReferences(declaration: Declaration, declared: Declared): Problem[] {
  const references = REFERENCES_BY_KIND.get(declaration.manifest.kind) ?? [];
  return references.flatMap((reference) =>
    namedBy(reference, declaration)
      .filter((value) => !isDeclared(value.text, reference, declaration, declared))
      .slice(0, MANIFEST_LIMITS.problemsPerDocument)
      .map((value) => dangling(value, reference, declaration, declared)),
  );
}

function namedBy({ path, unless }: Reference, { manifest }: Declaration): readonly ReferenceValue[] {
  const isElsewhere = unless !== undefined && referenceValues(manifest, unless).length > 0;
  return isElsewhere ? [] : referenceValues(manifest, path);
}

function isDeclared(text: string, reference: Reference, { manifest }: Declaration, declared: Declared): boolean {
  const { namespace } = manifest.metadata;
  const target = scoped(text, namespace);
  switch (reference.form) {
    case "secret":
      return readSecretRef(text, namespace).some((ref) => declared.has("Secret", ref.namespace, ref.name));
    case "model":
      // The gate compares ids: whoever may name an endpoint could give it the name of an allowed model.
      return reference.weight === "rule"
        ? declared.hasModelLike(glob(text.toLowerCase()))
        : declared.hasModel(text) || find(reference, target, declared);
    case "tool":
      return reference.weight === "rule"
        ? matchesTool(target, declared) || declared.hasToolLike(target.namespace, target.name)
        : declared.hasTool(target.namespace, target.name);
    case "name":
      return find(reference, target, declared);
  }
}

interface Target {
  readonly namespace: string;
  readonly name: string;
}

/** A bare name is one of the same namespace. */
export function scoped(text: string, namespace: string): Target {
  const slash = text.lastIndexOf("/");
  return slash === -1 ? { namespace, name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

function find({ target: kind, pattern }: Reference, { namespace, name }: Target, declared: Declared): boolean {
  if (declared.has(kind, namespace, name)) return true;
  if (pattern === undefined) return false;
  // Policies compare names without case, and `*` in them stands for any text.
  const matches = glob(name.toLowerCase());
  return declared.namesOf(kind, namespace).some((candidate) => matches(candidate.toLowerCase()));
}

function matchesTool({ namespace, name }: Target, declared: Declared): boolean {
  if (!name.includes("*")) return false;
  const plain = plainToolName(name);
  // What the tools of a server are called is known once it runs: a pattern for its tools may hold.
  if (declared.serverOf(namespace, plain.replaceAll("*", "-")) !== undefined || plain.startsWith("*")) return true;
  const matches = glob(plain);
  return declared.namesOf("Tool", namespace).some((candidate) => matches(plainToolName(candidate)));
}

function glob(pattern: string): (text: string) => boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return (text) => text === pattern;
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  const middle = parts.slice(1, -1);
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
    let from = first.length;
    return middle.every((part) => {
      const at = text.indexOf(part, from);
      from = at + part.length;
      return at !== -1 && from <= text.length - last.length;
    });
  };
}

function dangling(value: ReferenceValue, reference: Reference, from: Declaration, declared: Declared): Problem {
  const { manifest, locate } = from;
  const { what, detail, related } =
    reference.form === "model" && reference.weight === "rule"
      ? danglingModel(value.text, reference, from, declared)
      : danglingManifest(value.text, reference, from, declared);
  return {
    severity: reference.weight === "needed" ? "error" : "warning",
    code: "DANGLING_REFERENCE",
    summary: `${manifest.kind} ${quote(manifest.metadata.name)} ${verb(reference)} ${what}`,
    detail,
    address: `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`,
    ...locate(value.pointer),
    ...(related === undefined ? {} : { related }),
  };
}

interface Dangling {
  readonly what: string;
  readonly detail: string;
  readonly related: Place | undefined;
}

function danglingManifest(text: string, reference: Reference, from: Declaration, declared: Declared): Dangling {
  const { namespace, name } = scoped(text, from.manifest.metadata.namespace);
  const near =
    reference.form === "secret" ? nearSecret(text, from, declared) : declared.near(reference.target, namespace, name);
  const related = near?.locate("/metadata/name");
  const what = `${reference.target} ${quote(text)}, which nothing declares`;
  return { what, detail: detailOf(reference, near, related), related };
}

/** People write the name of an endpoint where the id of its model is compared. */
function danglingModel(text: string, { unmet = NEVER }: Reference, from: Declaration, declared: Declared): Dangling {
  const what = `the model ${quote(text)}, which no ModelEndpoint has`;
  const { namespace, name } = scoped(text, from.manifest.metadata.namespace);
  const endpoint = declared.read("ModelEndpoint", namespace, name);
  const id = endpoint?.manifest.spec["default_model"];
  if (endpoint === undefined || typeof id !== "string") {
    const near = declared.nearModel(text);
    return { what, detail: near === undefined ? unmet : `${unmet} Did you mean ${quote(near)}?`, related: undefined };
  }
  const related = endpoint.locate("/spec/default_model");
  const where = `${related.file}:${related.line}:${related.column}`;
  const detail = `${unmet} Models are compared by their ids: ModelEndpoint ${quote(text)} has ${quote(id)}, declared at ${where}.`;
  return { what, detail, related };
}

function nearSecret(text: string, { manifest }: Declaration, declared: Declared): Declaration | undefined {
  const [first] = readSecretRef(text, manifest.metadata.namespace);
  return first === undefined ? undefined : declared.near("Secret", first.namespace, first.name);
}

const NEVER = "The rule never holds.";

function verb({ weight }: Reference): string {
  return weight === "rule" ? "names" : "uses";
}

function detailOf(reference: Reference, near: Declaration | undefined, place: Place | undefined): string {
  const meaning = { needed: "", rule: reference.unmet ?? NEVER, elsewhere: "It must exist where the work is done." };
  const parts = [meaning[reference.weight]];
  if (near !== undefined && place !== undefined) {
    const where = `${place.file}:${place.line}:${place.column}`;
    parts.push(`Did you mean ${quote(near.manifest.metadata.name)}, declared at ${where}?`);
  }
  return parts.filter((part) => part !== "").join(" ");
}
