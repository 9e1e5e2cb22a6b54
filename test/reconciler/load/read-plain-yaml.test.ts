// What the plain reader answers is what the whole one would: the same nodes at the same places, with the same values.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isMap, isScalar, isSeq } from "yaml";
import { runAtOnce } from "../../../reconciler/load/pacer.ts";
import { parseWholeYaml } from "../../../reconciler/load/parse-yaml.ts";
import { readPlainYaml } from "../../../reconciler/load/read-plain-yaml.ts";
import * as fc from "../../property.ts";

/** All that a reader of manifests looks at. */
function shown(node: unknown): unknown {
  if (isScalar(node)) return { ...facts(node), value: node.value, source: node.source, type: node.type };
  if (isSeq(node)) return { ...facts(node), items: node.items.map(shown) };
  if (isMap(node)) return { ...facts(node), pairs: node.items.map(({ key, value }) => [shown(key), shown(value)]) };
  return node;
}

function facts(node: { readonly range?: readonly number[] | null | undefined }): object {
  const { tag, anchor, flow } = node as { tag?: string; anchor?: string; flow?: boolean };
  return { range: node.range?.slice(0, 2), tag, anchor, flow };
}

function expectSame(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  const whole = runAtOnce(parseWholeYaml(text));
  if (whole.outcome === "refused") throw new Error(`refused: ${whole.finding.summary}`);
  expect(whole.documents.map(({ errors }) => errors)).toEqual([[]]);
  expect(shown(plain.content)).toEqual(shown(whole.documents[0]?.content));
  return true;
}

const word = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("kind", "a", "b-c", "model_ref", "x.y/z", "Agent", "n1", "nullable") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("null", "Yes", "0123", "1.10", "-", "é", "0x1f", ".inf", "~", "12e3", "9e999"),
  },
);
const number = fc.oneof(fc.double().map(String), fc.integer().map(String), fc.bigInt().map(String));
const value = fc.oneof(
  { weight: 20, arbitrary: fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(" ")) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("30s", "a:b", "a#b", "http://x:1/y?z", "a: b", "a #c", "[x]", "'q'", "- x", "@x", "a,b"),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  { weight: 1, arbitrary: number },
);
const { node } = fc.letrec<{ node: readonly string[] }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthIdentifier: "node" },
    fc
      .array(fc.tuple(word, value), { minLength: 1, maxLength: 3 })
      .map((pairs) => pairs.map(([key, text]) => `${key}: ${text}`)),
    fc.array(value, { minLength: 1, maxLength: 3 }).map((items) => items.map((item) => `- ${item}`)),
    fc
      .tuple(
        fc.constantFrom("|", "|", "|-", "|-", "|+", ">", "| # c"),
        fc.array(fc.oneof(value, fc.constantFrom("", "  deeper", "# no", " ")), { maxLength: 4 }),
      )
      .map(([header, lines]) => [`text: ${header}`, ...lines.map((line) => (line === "" ? "" : `  ${line}`))]),
    fc
      .array(fc.tuple(word, tie("node"), fc.constantFrom("  ", "  ", "  ", "    ", " ", "")), {
        minLength: 1,
        maxLength: 3,
      })
      .map((pairs) =>
        pairs.flatMap(([key, below, indent]) => [
          `${key}:`,
          ...below.map((line) => (line === "" ? "" : `${indent}${line}`)),
        ]),
      ),
  ),
}));
const ODD = [
  " ",
  "\n",
  ":",
  "#",
  "-",
  "'",
  '"',
  "|",
  "\t",
  "\r",
  "[",
  "}",
  "&",
  "*",
  "!",
  "%",
  "---\n",
  "?",
  "a",
  "\u2028",
  "é",
];
const anyText = fc
  .tuple(
    node,
    fc.constantFrom("", "", "", "# head\n\n", "\n", "---\n"),
    fc.constantFrom("\n", "\n", "\n", "", "\n\n", "\n# end\n"),
  )
  .map(([lines, head, end]) => `${head}${lines.join("\n")}${end}`);
const mutated = fc
  .tuple(anyText, fc.array(fc.tuple(fc.nat(), fc.constantFrom(...ODD), fc.nat(2)), { maxLength: 1 }))
  .map(([text, edits]) =>
    edits.reduce((now, [at, odd, cut]) => {
      const from = at % (now.length + 1);
      return now.slice(0, from) + odd + now.slice(from + cut);
    }, text),
  );

const MANIFEST = `apiVersion: countwheel.dev/v1
kind: Agent
metadata:
  name: a1
  labels:
    team: bench
spec:
  model_ref: m
  prompt: |
    You are agent 1.

      Answer: in one line, "at first" # not a comment
  tools:
    - web-search
    - read_file
  limits:
    max_steps: 4
    timeout: 30s
`;

describe("the plain reader of YAML", () => {
  it("reads an ordinary manifest, also below a comment", () => {
    expect(expectSame(MANIFEST)).toBe(true);
    expect(expectSame(`# for everybody\n\n${MANIFEST}`)).toBe(true);
  });

  it("answers what the whole reader answers, or nothing", () => {
    let read = 0;
    fc.assert(
      fc.property(mutated, (text) => {
        if (expectSame(text)) read += 1;
      }),
      { numRuns: fc.cases(1_500) },
    );
    // Else the property would say nothing.
    expect(read).toBeGreaterThan(fc.cases(50));
  });

  it("answers the same for a manifest after any slip", () => {
    let read = 0;
    const slips = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...ODD, "  ", "\n  ", ": "), fc.nat(3)), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(slips, (edits) => {
        let text = MANIFEST;
        for (const [at, odd, cut] of edits)
          text = text.slice(0, at % text.length) + odd + text.slice((at % text.length) + cut);
        if (expectSame(text)) read += 1;
      }),
      { numRuns: fc.cases(400) },
    );
    expect(read).toBeGreaterThan(fc.cases(20));
  });

  it("answers the same for every example", () => {
    const folder = join(import.meta.dirname, "../../../examples");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /\.ya?ml$/.test(name));
    for (const name of files) expectSame(readFileSync(join(folder, name), "utf8"));
    expect(files.length).toBeGreaterThan(10);
  });
});
