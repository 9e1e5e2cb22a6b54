// Input that somebody made to hurt: each refused by name, quickly, and without stopping the event loop.
import { describe, expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { cpuClock } from "../../cpu-clock.ts";
import { KIT } from "../../reading-kit.ts";
import { errorCodes, file, load } from "./files.ts";

const head = "kind: Agent\nmetadata: {name: a}\nspec:\n  model_ref: m\n";
const lines = (line: string, count: number): string => line.repeat(count);

describe("limits", () => {
  it.each([
    [
      "an alias bomb",
      `${head}  execution:\n    output_schema:\n      a: &a [x, x, x, x, x, x, x, x, x]\n      b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n      c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\n      d: [*c, *c, *c]\n`,
    ],
    ["a cycle of aliases", `${head}  execution:\n    output_schema: &x {x: *x}\n`],
    ["brackets without end", `${head}  tools: ${lines("[", 100_000)}\n`],
    ["dashes without end", `${head}  tools:\n    ${lines("- ", 100_000)}\n`],
    ["questions without end", `${head}  ${lines("? ", 100_000)}\n`],
    ["a text of 50 MB", `${head}  prompt: |\n${lines("    0123456789\n", 3_500_000)}`],
    ["100,000 documents", lines("---\nkind: Agent\n", 60_000)],
    ["100,000 items", `${head}  tools:\n${lines("    - ab\n", 100_000)}`],
    ["100,000 lines of nothing", `${head}${lines("\n", 1_000_000)}`],
  ])("refuse %s in time", async (_, text) => {
    const spentMs = cpuClock();
    const codes = errorCodes(await load(text));
    expect(codes).toContain("LIMIT");
    // Generous: what would hang takes minutes.
    expect(spentMs()).toBeLessThan(5_000);
  });

  it("tell the first of very many problems, and that there are more", async () => {
    const result = await load(`${head}${Array.from({ length: 3_000 }, (_, index) => `  f${index}: 1\n`).join("")}`);
    expect(result.problems.filter(({ code }) => code === "UNKNOWN_FIELD").length).toBe(200);
    expect(result.problems.map(({ code }) => code)).toContain("LIMIT");
  });

  it("refuse a text with more escapes that YAML does not know than anybody means", async () => {
    const text = (count: number): string => `${head}  prompt: "${"\\q".repeat(count)}"\n`;
    expect((await load(text(2_000))).problems.map(({ code }) => code)).toEqual(["LIMIT"]);
    expect(errorCodes(await load(text(500)))).not.toContain("LIMIT");
  });

  it("let other work go on while a large set is read", async () => {
    const files = Array.from({ length: 2_000 }, (_, index) =>
      file(`${index}.yaml`, `kind: AgentRole\nmetadata: {name: r${index}}\n`),
    );
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await createLoader({}, KIT).load(files);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });

  it("stop when the caller does", async () => {
    const files = [file("a.yaml", head)];
    await expect(createLoader({}, KIT).load(files, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
  });
});

describe("keys that reach into prototypes", () => {
  it.each(["__proto__", "constructor", "prototype"])("refuses %s at any depth", async (key) => {
    const texts = [
      `kind: Task\nmetadata: {name: t}\nspec: {mode: template, input: {${key}: x}}\n`,
      `kind: Tool\nmetadata: {name: t}\nspec: {endpoint: http://x, input_schema: {a: [{${key}: {polluted: true}}]}}\n`,
      `kind: Tool\nmetadata: {name: t, labels: {${key}: x}}\nspec: {endpoint: http://x}\n`,
      `{"kind": "AgentRole", "metadata": {"name": "r"}, "${key}": {"polluted": true}}`,
    ];
    for (const text of texts) expect(errorCodes(await load(text))).toEqual(["SCHEMA"]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  it("refuses names that every object inherits", async () => {
    expect(errorCodes(await load("kind: AgentRole\nmetadata: {name: toString}\n"))).toEqual(["SCHEMA"]);
  });
});

describe("bytes that are no text", () => {
  const role = "kind: AgentRole\nmetadata: {name: r}\n";
  it.each([
    ["UTF-16", Buffer.from(`\ufeff${role}`, "utf16le")],
    ["UTF-16 without a mark", Buffer.from(role, "utf16le")],
    ["no UTF-8", Buffer.concat([Buffer.from(role), Buffer.from([0xff, 0xfe, 0xc3])])],
    ["NUL", Buffer.from(`${role}# \0\n`)],
  ])("refuses %s", async (_, bytes) => {
    expect(errorCodes(await createLoader({}, KIT).load([file("a.yaml", bytes)]))).toEqual(["ENCODING"]);
  });
});

describe("YAML that means more than data", () => {
  it.each([
    [
      "custom tags",
      "SYNTAX",
      "apiVersion: countwheel.dev/v1\nkind: AgentRole\nmetadata: {name: r}\nspec: {description: !exec rm}\n",
    ],
    ["aliases to nothing", "SYNTAX", "kind: AgentRole\nmetadata: {name: r}\nspec: {description: *gone}\n"],
    [
      "what JSON cannot hold",
      "SCHEMA",
      "kind: Tool\nmetadata: {name: t}\nspec: {endpoint: http://x, input_schema: {a: .nan}}\n",
    ],
    ["maps as keys", "SCHEMA", "kind: AgentRole\nmetadata: {name: r}\nspec: {{a: b}: c}\n"],
    [
      "patterns with look-around",
      "SCHEMA",
      "kind: AgentSystem\nmetadata: {name: s}\nspec: {agents: [a], graph: {a: {edges: [{to: a, condition: {output_matches: '(?=a)b'}}]}}}\n",
    ],
  ])("refuses %s", async (_, code, text) => {
    expect(errorCodes(await load(text))).toContain(code);
  });

  it("reads aliases and anchors, and takes merge keys for what they are: nothing", async () => {
    const result = await load(
      "kind: Tool\nmetadata: {name: t}\nspec:\n  endpoint: &e http://x\n  description: *e\n  <<: {risk_level: high}\n",
    );
    expect(result.set.manifests[0]?.manifest.spec).toEqual({ endpoint: "http://x", description: "http://x" });
    expect(result.problems).toMatchObject([
      { code: "UNKNOWN_FIELD", detail: "Merge keys are not part of YAML 1.2; write the fields out." },
    ]);
  });
});
