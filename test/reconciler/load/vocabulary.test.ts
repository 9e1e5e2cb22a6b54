// What manifests in the wild look like, and what the loader makes of them.

import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { KIT } from "../../reading-kit.ts";
import { BY_AGE } from "../../sealed.ts";
import { errorCodes, file, folderFiles, load, MODEL, specIn, told } from "./files.ts";

const tool = (spec: string): string => `kind: Tool\nmetadata: {name: t}\nspec:\n  endpoint: http://x\n${spec}`;
const task = (spec: string): string => `kind: Task\nmetadata: {name: t}\nspec:\n  mode: template\n${spec}`;

const strict = (text: string): string => `apiVersion: countwheel.dev/v1\n${text}`;

const cli = (fields: string, more = ""): string =>
  `kind: Tool\nmetadata: {name: t}\nspec:\n  type: cli\n  runtime: {isolation_mode: sandboxed}\n  cli: {command: c, ${fields}}\n${more}`;

describe("a sealed value of a Secret", () => {
  const secret = (value: string): string => `kind: Secret\nmetadata: {name: s}\nspec:\n  sealed:\n    a: ${value}\n`;

  it("that is no age file is a problem at its line, and is not shown", async () => {
    const result = await load(secret("hunter2!"));
    expect(told(result)).toEqual([
      "error SCHEMA 5:8 `a` is not sealed with age: it is neither armored age text nor base64",
    ]);
    expect(JSON.stringify(result.problems)).not.toContain("hunter2");
  });

  it("is right where age has made it", async () => {
    expect(told(await load(strict(secret(`|\n${BY_AGE.replace(/^/gm, "      ")}`))))).toEqual([]);
  });
});

describe("what a cli tool says of its program", () => {
  it.each([
    ["a template that is not understood", cli("args: ['{{range .a}}']"), "the template is not understood"],
    [
      "a network that a sandbox does not have",
      cli("network: bridge"),
      "a sandboxed command has the network none or host",
    ],
    ["a size that is none", cli("resources: {memory: much}"), "`memory` is no size"],
    [
      "a field that the input does not have",
      cli("args: ['{{.wrod}}']", "  input_schema: {type: object, properties: {word: {type: string}}}\n"),
      "`input_schema` has no property `wrod`",
    ],
  ])("%s is told", async (_what, text, said) => {
    expect(told(await load(strict(text))).join("\n")).toContain(said);
  });

  const contained = (fields: string, more = "image: ghcr.io/acme/orders, "): string =>
    `kind: Tool\nmetadata: {name: t}\nspec:\n  type: cli\n  cli: {command: c, ${more}${fields}}\n`;

  it.each([
    ["image: --privileged", "", "6:28 `image` is no name of an image"],
    ["network: container:other", undefined, "6:58 `network` is none that a container may have"],
    ["working_dir: data", undefined, "6:62 `working_dir` is no path from the root of the image"],
    ["resources: {cpus: many}", undefined, "6:67 `cpus` is no number of processors"],
    ["env: {DOCKER_HOST: x}", undefined, "6:68 a container cannot be given this variable"],
    ["env_from: [{name: A=B, secret_ref: s}]", undefined, "6:67 a container cannot be given this variable"],
  ])("%s is told of a container", async (fields, more, said) => {
    expect(told(await load(strict(contained(fields, more)))).join("\n")).toContain(said);
  });

  it("is told where it is of a container, and there is none", async () => {
    const inside = (mode: string, fields: string): string =>
      `kind: Tool\nmetadata: {name: t}\nspec:\n  type: cli\n  runtime: {isolation_mode: ${mode}}\n  cli: {command: c${fields}}\n`;
    const summaries = async (mode: string, fields = ""): Promise<string[]> =>
      (await load(strict(inside(mode, fields)))).problems
        .filter(({ code }) => code === "SCHEMA")
        .map(({ summary }) => summary);
    expect(await summaries("container")).toEqual(["a container needs `cli.image`"]);
    expect(await summaries("kubernetes")).toEqual(["no runner has `kubernetes` for commands"]);
    expect(await summaries("sandboxed", ", image: x, image_pull_secret: s")).toEqual([
      "`image` has no effect with `isolation_mode: sandboxed`",
      "`image_pull_secret` has no effect without a container",
    ]);
  });

  it("is right where nothing is to be told", async () => {
    const inContainer = "network: acme-net, working_dir: /data, resources: {cpus: '0.5'}, env: {LEVEL: debug}";
    expect(told(await load(strict(contained(inContainer))))).toEqual([]);
    const fields = "args: ['{{.word}}', '{{if .open}}-o{{end}}'], network: host, resources: {memory: 512m}";
    const schema = "  input_schema: {type: object, properties: {word: {}, open: {}}}\n";
    expect(told(await load(strict(cli(fields, schema))))).toEqual([]);
  });
});

describe("what orloj.dev/v1 accepts", () => {
  it.each([
    [
      "both spellings of a key",
      tool("  inputSchema: {type: object}\n  risk_level: low\n"),
      { input_schema: { type: "object" } },
    ],
    ["words of an enumeration in any case", tool("  riskLevel: ' High'\n"), { risk_level: "high" }],
    [
      "quoted numbers and booleans",
      "kind: Worker\nmetadata: {name: w}\nspec: {max_concurrent_tasks: '6', capabilities: {gpu: 1}}\n",
      { max_concurrent_tasks: 6, capabilities: { gpu: true } },
    ],
    [
      "numbers and booleans in a map of texts as they are typed",
      task("  input: {n: 0123, v: 1.10, on: yes, at: 2024-02-01, none: null}\n"),
      { input: { n: "0123", v: "1.10", on: "yes", at: "2024-02-01", none: "" } },
    ],
    ["a list or map in a map of texts as its text", task("  input: {list: [a, b]}\n"), { input: { list: "[a, b]" } }],
    ["one text where a list is expected", tool("  capabilities: search\n"), { capabilities: ["search"] }],
    [
      "a key in a list of texts as the text",
      tool("  capabilities:\n    - EVIDENCE:\n    - AUTH: ok\n"),
      { capabilities: ["EVIDENCE:", "AUTH: ok"] },
    ],
    ["sections with nothing below", tool("  auth:\n  runtime: {}\n  capabilities:\n"), { runtime: {} }],
    ["a count of zero as the default", task("  retry: {max_attempts: 0, backoff: 1s}\n"), { retry: { backoff: "1s" } }],
    [
      "any JSON Schema",
      tool(
        "  input_schema: {type: [object, 'null'], required: [a], additionalProperties: false, properties: {a: {enum: [1, b, null], default: 0.5}}}\n",
      ),
      {
        input_schema: {
          type: ["object", "null"],
          required: ["a"],
          additionalProperties: false,
          properties: { a: { enum: [1, "b", null], default: 0.5 } },
        },
      },
    ],
    [
      "text where YAML sees an alias, a tag or a second key",
      tool("  description: Note: read first\n  capabilities:\n    - @acme/x\n    - *\n    - {{.id}}\n    - !later\n"),
      { description: "Note: read first", capabilities: ["@acme/x", "*", "{{.id}}", "!later"] },
    ],
    ["escapes that YAML does not know", tool('  description: "^\\d+$"\n'), { description: "^\\d+$" }],
    ["the last of two equal keys", tool("  risk_level: low\n  risk_level: medium\n"), { risk_level: "medium" }],
    ["a manifest without apiVersion and spec", "kind: AgentRole\nmetadata: {name: r}\n", {}],
    ["an apiVersion that nobody knows", "apiVersion: orloj.dev/v1alpha1\nkind: AgentRole\nmetadata: {name: r}\n", {}],
    [
      "JSON with keys in another case",
      '{"Kind": "AgentRole", "Metadata": {"Name": "r"}, "Spec": {"Description": "d"}}',
      { description: "d" },
    ],
    [
      "a block of text with a kind of its own",
      "kind: AgentRole\nmetadata: {name: r}\nspec:\n  description: |\n    kind: Config\n    ---\n    # not a comment\n",
      { description: "kind: Config\n---\n# not a comment\n" },
    ],
    [
      "text beyond int32",
      "kind: Tool\nmetadata: {name: t}\nspec: {type: wasm, wasm: {module: m, fuel: 5000000000}}\n",
      { wasm: { fuel: 5_000_000_000 } },
    ],
  ])("%s", async (_, text, expected) => {
    const result = await load(text);
    expect(errorCodes(result)).toEqual([]);
    expect(specIn(result)).toMatchObject(expected);
  });

  it("reads edges as text, by their other name, and drops those that lead nowhere", async () => {
    const agents = ["a", "b", "c"].map((name) => `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m}\n`);
    const system =
      "kind: AgentSystem\nmetadata: {name: s}\nspec:\n  agents: [a, b, c]\n  graph: {a: {edges: [b, {next: c}, {}]}, b: , c: {}}\n";
    const result = await load(MODEL, ...agents, system);
    expect(errorCodes(result)).toEqual([]);
    const spec = result.set.manifests.find(({ manifest }) => manifest.kind === "AgentSystem")?.manifest.spec;
    expect(spec).toEqual({
      agents: ["a", "b", "c"],
      graph: { a: { edges: [{ to: "b" }, { to: "c" }] }, b: {}, c: {} },
    });
  });

  it("reads exports: status, bookkeeping in the metadata, lists of items", async () => {
    const item =
      '{"apiVersion": "orloj.dev/v1", "kind": "AgentRole", "metadata": {"name": "r", "resourceVersion": 42, "generation": "3", "createdAt": "x"}, "spec": {}, "status": {"phase": "Ready"}}';
    const result = await load(`{"items": [${item}], "continue": ""}`);
    expect(result.set.manifests.map(({ address }) => address)).toEqual(["AgentRole/default/r"]);
    expect(told(result)).toEqual([expect.stringMatching(/^warning STATUS_IGNORED /)]);
  });

  it("loads every manifest of the article unchanged", async () => {
    const seeds = folderFiles(fileURLToPath(new URL("../../../examples/telegram-bot", import.meta.url)));
    const own = seeds.filter(({ path }) => /telegram-bot\/[a-z-]+\.yaml$/.test(path));
    const result = await createLoader({}, KIT).load(own);
    expect(result.set.manifests.map(({ address }) => address)).toEqual([
      "Agent/default/telegram-bot-writer-agent",
      "AgentPolicy/default/cost-policy",
      "AgentSystem/default/telegram-bot-system",
      "McpServer/default/gmail",
    ]);
    expect(new Set(errorCodes(result))).toEqual(new Set(["DANGLING_REFERENCE"]));
  });
});

describe("what countwheel.dev/v1 refuses and orloj.dev/v1 warns of", () => {
  it.each([
    ["UNKNOWN_FIELD", tool("  risk_levle: high\n")],
    ["SYNTAX", tool("  risk_level: low\n  risk_level: medium\n")],
    ["SCHEMA", tool("  capabilities: search\n")],
    ["SYNTAX", tool("  description: Note: read first\n")],
    ["PLAINTEXT_SECRET", "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: hunter2}}\n"],
  ])("%s", async (code, text) => {
    expect(errorCodes(await load(text))).toEqual([]);
    expect((await load(text)).problems.map((problem) => problem.code)).toEqual([code]);
    expect(errorCodes(await load(strict(text)))).toContain(code);
  });

  it("takes a key as text in a list, and numbers in a map of texts, here too", async () => {
    const result = await load(
      strict(task("  input: {n: 7, b: true}\n  message_retry: {non_retryable:\n    [a]}\n")),
      strict(tool("  capabilities:\n    - EVIDENCE:\n")),
    );
    expect(told(result)).toEqual([]);
  });
});

describe("documents that are not for us", () => {
  it.each([
    ["NOT_A_MANIFEST", "services: {web: {image: x}}\n"],
    ["NOT_A_MANIFEST", "a: 1\n# kind of\n"],
    ["UNKNOWN_KIND", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\n"],
    ["UNKNOWN_KIND", "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: {steps: []}\n"],
    ["UNKNOWN_KIND", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {a: b}\n"],
    ["UNKNOWN_KIND", "apiVersion: orloj.dev/v1\nkind: SealedSecret\nmetadata: {name: x}\n"],
    ["UNKNOWN_KIND", "kind: Test\nmetadata: {name: x}\n"],
  ])("%s is a warning, and the document is skipped: %j", async (code, text) => {
    const result = await load(text);
    expect([result.manifestCount, result.problems.map((problem) => [problem.severity, problem.code])]).toEqual([
      0,
      [["warning", code]],
    ]);
  });

  it.each([
    ["UNKNOWN_KIND", "kind: Agnet\nmetadata: {name: x}\n"],
    ["UNKNOWN_KIND", "kind: ToolPermision\nmetadata: {name: x}\n"],
    ["UNKNOWN_KIND", "apiVersion: countwheel.dev/v1\nkind: Service\nmetadata: {name: x}\n"],
    ["UNKNOWN_API_VERSION", "apiVersion: countwheel.dev/v2\nkind: Agent\nmetadata: {name: x}\n"],
    ["SCHEMA", "apiVersion: orloj.dev/v1\nmetadata: {name: x}\n"],
    ["SCHEMA", "kind: AgentRole\nmetadata: {}\n"],
  ])("%s is an error where it was meant for us: %j", async (code, text) => {
    expect(errorCodes(await load(text))).toEqual([code]);
  });

  it("says nothing about empty files and documents", async () => {
    const result = await load(
      "",
      "# only a remark\n",
      "---\n---\n",
      "\ufeff---\nkind: AgentRole\nmetadata: {name: r}\n...\n",
    );
    expect([told(result), result.manifestCount]).toEqual([[], 1]);
  });

  it("passes over the templates of Helm charts", async () => {
    const files = [file("chart/Chart.yaml", "name: x\n"), file("chart/templates/a.yaml", "kind: {{ .Values.kind }\n")];
    expect((await createLoader({}, KIT).load(files)).problems.map(({ code }) => code)).toEqual(["NOT_A_MANIFEST"]);
  });
});
