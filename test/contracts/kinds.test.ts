// The kinds: their names, their documentation, and the schemas that editors get.

import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { KIND_NAMES } from "../../contracts/address.ts";
import { bundleSchema, kindSchema } from "../../contracts/editor-schema.ts";
import { findKind, KINDS, kindWords } from "../../contracts/kinds.ts";
import { REFERENCES } from "../../contracts/references.ts";
import type { Schema } from "../../contracts/schema.ts";
import { folderFiles } from "../reconciler/load/files.ts";

describe("kinds", () => {
  it("are found in any case, in the plural, in short, and never two by one word", () => {
    const words = KIND_NAMES.flatMap((kind) => kindWords(kind).map((word) => [word, kind] as const));
    expect(new Set(words.map(([word]) => word)).size).toBe(words.length);
    for (const [word, kind] of words) expect(findKind(word.toUpperCase())).toBe(kind);
    expect(findKind("Agent-Systems")).toBe("AgentSystem");
    expect(findKind("pod")).toBeUndefined();
  });

  it("describe every field in a sentence", () => {
    const silent = KIND_NAMES.flatMap((kind) => withoutDescription(KINDS[kind].schema, kind));
    expect(silent).toEqual([]);
  });

  it("are described by schemas that JSON Schema accepts", () => {
    const ajv = new Ajv({ strict: false });
    const wrong = KIND_NAMES.filter((kind) => ajv.validateSchema(KINDS[kind].schema) !== true);
    expect(wrong).toEqual([]);
  });

  it("have every field that a reference names", () => {
    const missing = REFERENCES.filter(
      ({ kind, path }) => path !== "/metadata/name" && !hasField(KINDS[kind].schema, path.split("/").slice(2)),
    );
    expect(missing).toEqual([]);
  });
});

function withoutDescription(schema: Schema, path: string): string[] {
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const below = withoutDescription(field, `${path}.${name}`);
    return field.description === undefined ? [`${path}.${name}`, ...below] : below;
  });
  const values =
    typeof schema.additionalProperties === "object" ? withoutDescription(schema.additionalProperties, `${path}.*`) : [];
  return [...fields, ...values, ...(schema.items === undefined ? [] : withoutDescription(schema.items, `${path}[]`))];
}

function hasField(schema: Schema | undefined, [step, ...rest]: readonly string[]): boolean {
  if (schema === undefined) return false;
  if (step === undefined || step === "{}") return true;
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  return hasField(step === "*" ? (schema.items ?? values) : schema.properties?.[step], rest);
}

const agent = (apiVersion: string, spec: object): object => ({
  apiVersion,
  kind: "Agent",
  metadata: { name: "a" },
  spec,
});

describe("the schemas for editors", () => {
  const ajv = new Ajv({ allErrors: true, strict: false });
  const bundle = ajv.compile(bundleSchema());

  it.each(["telegram-bot", "pipeline", "hierarchical", "swarm-loop"])("accept the example %s", (name) => {
    const files = folderFiles(fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)));
    const documents = files.flatMap(({ bytes }) =>
      parseAllDocuments(new TextDecoder().decode(bytes)).map((document) => document.toJS() as unknown),
    );
    const wrong = documents.filter((document) => !bundle(document));
    expect(wrong).toEqual([]);
  });

  it.each([
    ["an unknown field in orloj.dev/v1", agent("orloj.dev/v1", { model_ref: "m", wild: 1 }), true],
    ["camelCase in orloj.dev/v1", agent("orloj.dev/v1", { modelRef: "m", limits: { maxSteps: "4" } }), true],
    ["an unknown field in countwheel.dev/v1", agent("countwheel.dev/v1", { model_ref: "m", wild: 1 }), false],
    ["a missing field", agent("countwheel.dev/v1", {}), false],
    [
      "the vocabulary's own camelCase in countwheel.dev/v1",
      {
        apiVersion: "countwheel.dev/v1",
        kind: "TaskWebhook",
        metadata: { name: "w" },
        spec: { task_ref: "t", auth: { secretRef: "s" } },
      },
      true,
    ],
    ["another kind", { kind: "Pod", metadata: { name: "a" } }, false],
  ])("judge %s", (_, document, fits) => {
    expect(bundle(document)).toBe(fits);
  });

  it("stand alone for each kind, without our own keywords", () => {
    for (const kind of KIND_NAMES) {
      expect(ajv.validateSchema(kindSchema(kind))).toBe(true);
      expect(JSON.stringify(kindSchema(kind))).not.toContain('"x-');
    }
  });
});
