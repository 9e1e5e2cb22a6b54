// Properties of the loader: neither order nor spelling nor what was loaded before changes the answer.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import * as fc from "../../property.ts";
import { KIT } from "../../reading-kit.ts";
import { file, folderFiles, load, MODEL } from "./files.ts";

const example = (name: string) => folderFiles(fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url)));
const seen = ({ set, problems }: Awaited<ReturnType<typeof load>>) => ({
  manifests: set.manifests.map(({ address, digest, place }) => ({ address, digest, place })),
  problems,
});

describe("the loader", () => {
  it("answers the same for files in any order", async () => {
    const files = [
      ...example("telegram-bot"),
      file("z1.yaml", "kind: AgentRole\nmetadata: {name: twice}\n"),
      file("z2.yaml", "kind: AgentRole\nmetadata: {name: twice}\nspec: {x: 1}\n"),
      file("z3.yaml", "kind: Agent\nmetadata: {name: lost}\nspec: {model_ref: anthropic-defalt, tools: [gone]}\n"),
    ];
    const expected = seen(await createLoader({}, KIT).load(files));
    const order = fc.shuffledSubarray([...files.keys()], { minLength: files.length });
    await fc.assert(
      fc.asyncProperty(order, async (indices) => {
        const shuffled = indices.flatMap((index) => files[index] ?? []);
        expect(seen(await createLoader({}, KIT).load(shuffled))).toEqual(expected);
      }),
      { numRuns: fc.cases(5) },
    );
  });

  it("gives every spelling of a manifest one digest", async () => {
    const spell = fc.func(fc.constantFrom("snake", "camel", "pascal"));
    const spec = { max_concurrent_tasks: 3, capabilities: { supported_models: ["a", "b"], gpu: true } };
    const plain = await load(`kind: Worker\nmetadata: {name: w}\n${stringify({ spec })}`);
    await fc.assert(
      fc.asyncProperty(spell, fc.boolean(), fc.constantFrom("Worker", "worker", "WORKER"), async (how, json, kind) => {
        const value = { kind, metadata: { name: "w" }, spec: respell(spec, (key) => spelling(key, how(key))) };
        const result = await load(json ? JSON.stringify(value) : stringify(value));
        expect(result.problems).toEqual([]);
        expect(result.set.manifests[0]?.digest).toBe(plain.set.manifests[0]?.digest);
      }),
      { numRuns: fc.cases(20) },
    );
  });

  it("does not let an earlier load show in a later one", async () => {
    const loader = createLoader({}, KIT);
    const broken = file("a.yaml", "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: n}\n");
    const mended = file("a.yaml", "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m}\n");
    const model = file("m.yaml", MODEL);
    const moved = { ...model, path: "moved/m.yaml" };
    expect((await loader.load([broken, model])).problems.length).toBe(1);
    expect((await loader.load([mended, moved])).problems).toEqual([]);
    expect(seen(await loader.load([mended, moved]))).toEqual(seen(await createLoader({}, KIT).load([mended, moved])));
  });

  it("never throws, whatever a file holds", async () => {
    const piece = fc.constantFrom(
      "kind: Agent",
      "\n",
      "  ",
      "spec:",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "&a ",
      "*a",
      "!!str ",
      "|",
      ">",
      '"',
      "'",
      "metadata: {name: x}",
      ": ",
      "\t",
      "#",
      "---\n",
      "null",
      "<<",
      "%YAML 1.1\n",
      "? ",
      "\\d",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        await load(`kind: Agent\n${pieces.join("")}`);
      }),
      { numRuns: fc.cases(75) },
    );
  });
});

function respell(value: unknown, name: (key: string) => string): unknown {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [name(key), respell(item, name)]));
}

function spelling(key: string, how: string): string {
  const camel = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  if (how === "snake") return key;
  return how === "camel" ? camel : camel.charAt(0).toUpperCase() + camel.slice(1);
}
