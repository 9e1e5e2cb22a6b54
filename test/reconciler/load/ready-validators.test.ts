// The validators that a build compiles judge as those do that Ajv compiles from the same schemas when a kind comes up.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ValidateFunction } from "ajv";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { KIND_NAMES, type KindName } from "../../../contracts/address.ts";
import { KINDS } from "../../../contracts/kinds.ts";
import type { Schema } from "../../../contracts/schema.ts";
import { precompile } from "../../../precompile.mjs";
import { kindValidator } from "../../../reconciler/load/kind-validators.ts";
import * as fc from "../../property.ts";

const MODULE = join(import.meta.dirname, "../../../reconciler/load/kind-validators.ts");

let folder: string;
let ready: (kind: KindName) => ValidateFunction;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cw-validators-"));
  const outfile = join(folder, "validators.mjs");
  await build({ entryPoints: [MODULE], outfile, bundle: true, plugins: [precompile], format: "esm", platform: "node" });
  ({ kindValidator: ready } = (await import(pathToFileURL(outfile).href)) as { kindValidator: typeof ready });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(KIND_NAMES)("judge a %s alike, whatever is wrong with it", (kind) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(specs(KINDS[kind].schema, 4), (spec) => {
      const [own, built] = [judged(kindValidator(kind), spec), judged(ready(kind), spec)];
      expect(built).toEqual(own);
      for (const { keyword } of own) seen.add(keyword);
    }),
    { numRuns: fc.cases(100) },
  );
  // Else nothing was ever wrong, and nothing compared.
  expect([...seen]).toEqual(expect.arrayContaining(["type", "additionalProperties"]));
});

function judged(validate: ValidateFunction, spec: unknown): { keyword: string }[] {
  return validate(spec) ? [] : structuredClone(validate.errors ?? []);
}

/** Values of a schema's shape, with mistakes everywhere. */
function specs(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const wrong = { arbitrary: fc.jsonValue({ maxDepth: 1 }), weight: 1 };
  return fc.oneof(wrong, { arbitrary: shaped(schema, depth), weight: 6 });
}

function shaped(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const text = fc.constantFrom("", "a", "30s", "a/b", "https://example.com", "é".repeat(600));
  const { properties = {}, items, additionalProperties: others } = schema;
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (depth === 0) return fc.constant({});
  switch (schema.type) {
    case "object": {
      const known = Object.entries(properties).map(([name, own]) => [name, specs(own, depth - 1)] as const);
      const more = typeof others === "object" ? specs(others, depth - 1) : fc.constant(1);
      return fc.record({ ...Object.fromEntries(known), another: more }, { requiredKeys: [] });
    }
    case "array":
      return fc.array(specs(items ?? {}, depth - 1), { maxLength: 3 });
    case "integer":
    case "number":
      return fc.integer({ min: -1, max: 1_000 });
    case "boolean":
      return fc.boolean();
    case "string":
    case undefined:
      break;
  }
  return text;
}
