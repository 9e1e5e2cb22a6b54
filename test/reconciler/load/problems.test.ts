// Problems: their places, frames and hints; references over the whole set; secrets that are never shown.
import { describe, expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { errorCodes, file, load, MODEL, told } from "./files.ts";

const agent = (name: string, spec: string): string =>
  `kind: Agent\nmetadata:\n  name: ${name}\nspec:\n  model_ref: m\n${spec}`;

const server = (spec: string): string =>
  `kind: McpServer\nmetadata: {name: github_mcp}\nspec: {transport: stdio, command: x${spec}}\n`;

const endpoint = (script: string): string =>
  `kind: ModelEndpoint\nmetadata: {name: m}\nspec:\n  provider: mock\n  default_model: x\n  options:\n    script: '${script}'\n`;

describe("places and frames", () => {
  it("underlines an unknown field and names the nearest, or the kind that has it", async () => {
    const result = await load(agent("a", "  permissons:\n    - x\n"), MODEL);
    expect(result.problems).toEqual([
      {
        severity: "warning",
        code: "UNKNOWN_FIELD",
        summary: "`permissons` is not a field of Agent.spec",
        detail: "AgentRole has `permissions`; see: countwheel explain AgentRole.spec.permissions",
        address: "Agent/default/a",
        file: "1.yaml",
        line: 6,
        column: 3,
        frame: "  4 | spec:\n  5 |   model_ref: m\n> 6 |   permissons:\n    |   ^^^^^^^^^^\n  7 |     - x",
      },
    ]);
  });

  it.each(["\n", "\r\n"])("counts lines right with %j", async (end) => {
    const text = `# one\n${agent("a", "  memory: {ref: gone}\n")}`.replaceAll("\n", end);
    expect(told(await load(text, MODEL))).toEqual([
      "error DANGLING_REFERENCE 7:17 Agent `a` uses Memory `gone`, which nothing declares",
    ]);
  });

  it("tells all problems of all documents at once", async () => {
    const result = await load(
      "kind: Agent\nmetadata: {name: a}\nspec: {prompt: [x]}\n---\nkind: Task\nmetadata: {name: t}\n",
      "kind: Tool\nmetadata: {name: /}\n",
    );
    expect(result.problems.map(({ file: path, code, summary }) => [path, code, summary])).toEqual([
      ["1.yaml", "SCHEMA", "`Agent.spec.model_ref` is missing"],
      ["1.yaml", "SCHEMA", "`spec.prompt` must be text"],
      ["1.yaml", "SCHEMA", "a task needs `system`"],
      ["2.yaml", "SCHEMA", "`/` cannot be a name"],
    ]);
  });

  it("keeps the good files of a set with a broken one", async () => {
    const good = Array.from({ length: 20 }, (_, index) =>
      file(`a${index}.yaml`, `kind: AgentRole\nmetadata: {name: r${index}}\n`),
    );
    const result = await createLoader().load([...good, file("broken.yaml", "kind: Agent\nmetadata: {name: [}\n")]);
    expect([result.set.manifests.length, new Set(errorCodes(result)).has("SYNTAX")]).toEqual([20, true]);
  });

  it("locates values by their canonical pointer, whatever their spelling, and parents of what is not written", async () => {
    const text =
      "kind: Tool\nmetadata: {name: t}\nspec:\n  endpoint: http://x\n  auth:\n    secretRef: k\n  capabilities: [a, b]\n";
    const [tool] = (await load(text)).set.manifests;
    const at = (pointer: string): string => `${tool?.locate(pointer).line}:${tool?.locate(pointer).column}`;
    expect([at("/spec/auth/secret_ref"), at("/spec/capabilities/1"), at("/spec/auth/scopes"), at("/nothing")]).toEqual([
      "6:16",
      "7:21",
      "6:5",
      "1:1",
    ]);
  });

  it("warns of a mark for pull requests that marks nothing", async () => {
    const marked = (kind: string, value: string, spec: string): string =>
      `kind: ${kind}\nmetadata:\n  name: x\n  annotations:\n    countwheel.dev/run-on: ${value}\nspec: ${spec}\n`;
    const task = (value: string): string => marked("Task", value, "{mode: template}");
    expect(told(await load(task("pull_request")))).toEqual([]);
    expect(told(await load(task("pull-request")))).toEqual([
      "warning SCHEMA 5:28 `pull-request` is nothing that a Task can run on",
    ]);
    expect(told(await load(marked("AgentRole", "pull_request", "{}")))).toEqual([
      "warning SCHEMA 5:28 AgentRole `x` is marked with `countwheel.dev/run-on`, which is for Tasks",
    ]);
  });

  it("makes text from a manifest harmless", async () => {
    const result = await load(`kind: AgentRole\nmetadata: {name: r}\nspec: {"a\\u001b[31m\\u202eb": 1}\n`);
    expect(result.problems[0]?.summary).toBe("`a\\u{1b}[31m\\u{202e}b` is not a field of AgentRole.spec");
  });
});

describe("references", () => {
  it("names both places where there is a near match", async () => {
    const [problem] = (
      await load(
        agent("a", "  tools: [stripe.refnd]\n"),
        MODEL,
        "kind: Tool\nmetadata:\n  name: stripe.refund\nspec: {endpoint: http://x}\n",
      )
    ).problems;
    expect(problem).toMatchObject({
      code: "DANGLING_REFERENCE",
      summary: "Agent `a` uses Tool `stripe.refnd`, which nothing declares",
      detail: "Did you mean `stripe.refund`, declared at 3.yaml:3:9?",
      file: "1.yaml",
      line: 6,
      column: 11,
      related: { file: "3.yaml", line: 3, column: 9 },
    });
  });

  it.each([
    ["a tool of a declared server", "github-mcp--create-issue", "", []],
    ["in the server's own spelling", "github_mcp--create_Issue", ", tool_filter: {include: [create_issue]}", []],
    [
      "that its filter leaves out",
      "github-mcp--delete-repo",
      ", tool_filter: {include: [create_issue]}",
      ["DANGLING_REFERENCE"],
    ],
    ["a tool of the memory", "memory.read", "", []],
    ["a tool of nobody", "gitlab-mcp--create-issue", "", ["DANGLING_REFERENCE"]],
  ])("%s: %s", async (_, name, filter, codes) => {
    expect(errorCodes(await load(agent("a", `  tools: [${name}]\n`), MODEL, server(filter)))).toEqual(codes);
  });

  it.each([
    ["the same namespace for a bare name", "n", "m", "n", []],
    ["not another one", "n", "m", "default", ["DANGLING_REFERENCE"]],
    ["another one by its name", "n", "default/m", "default", []],
  ])("look in %s", async (_, from, ref, to, codes) => {
    const text = `kind: Agent\nmetadata: {name: a, namespace: ${from}}\nspec: {model_ref: ${ref}}\n`;
    expect(errorCodes(await load(text, MODEL.replace("name: m", `name: m, namespace: ${to}`)))).toEqual(codes);
  });

  it("warns of secrets that are not in Git and of rules that name nothing", async () => {
    const result = await load(
      "kind: AgentPolicy\nmetadata: {name: p}\nspec: {target_systems: [s], blocked_tools: [rm, 'rm-*'], allowed_models: [gpt]}\n",
      "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {default_model: x, auth: {secretRef: k}}\n",
    );
    expect(errorCodes(result)).toEqual([]);
    expect(result.problems.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => "DANGLING_REFERENCE"));
  });

  it.each([
    ["{allowed_models: [x]}", []],
    ["{allowed_models: ['GPT-*', X]}", []],
    [
      "{allowed_models: [m]}",
      [
        "names the model `m`, which no ModelEndpoint has | It allows nothing. Models are compared by their ids: ModelEndpoint `m` has `x`, declared at 2.yaml:3:23.",
      ],
    ],
    [
      "{rules: [{match: {models: [gpt-6o-mini]}}]}",
      ["names the model `gpt-6o-mini`, which no ModelEndpoint has | The rule never holds. Did you mean `gpt-5o-mini`?"],
    ],
    ["{allowed_models: []}", ["an empty `allowed_models` restricts nothing: every model may be called | Name the"]],
    ["{rate: {calls: 3, per: 1m, of: 'stripe.*'}}", ["names Tool `stripe.*`, which nothing declares | The rule never"]],
    ["{budgets: [{calls: {pay: 3}}]}", ["names Tool `pay`, which nothing declares | The rule never holds."]],
    [
      "{sequence: [{tools: [refund], requires_before: [chek]}]}",
      ["names Tool `chek`, which nothing declares | No such call can come before, so every call is denied"],
    ],
  ])("compares names in a policy as the gate does: %s", async (spec, expected) => {
    const { problems } = await load(
      `apiVersion: countwheel.dev/v1\nkind: AgentPolicy\nmetadata: {name: p}\nspec: ${spec.replace("{", "{apply_mode: global, ")}\n`,
      "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {default_model: x}\n---\nkind: ModelEndpoint\nmetadata: {name: n}\nspec: {default_model: gpt-5o-mini}\n",
      "kind: Tool\nmetadata: {name: refund}\nspec: {endpoint: https://x.example}\n",
    );
    expect(problems.map(({ severity }) => severity)).toEqual(expected.map(() => "warning"));
    expect(problems.map(({ summary, detail }) => `${summary} | ${detail}`)).toEqual(
      expected.map((text) => expect.stringContaining(text)),
    );
  });

  it("warns of a permission without `tool_ref` whose name is no tool", async () => {
    const permission = (name: string, spec: string): string =>
      `kind: ToolPermission\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
    const tool = "kind: Tool\nmetadata: {name: pay}\nspec: {endpoint: https://x.example}\n";
    expect(
      told(await load(tool, permission("pay", "{}"), permission("any", "{tool_ref: pay}"), permission("pya", "{}"))),
    ).toEqual(["warning DANGLING_REFERENCE 2:18 ToolPermission `pya` names Tool `pya`, which nothing declares"]);
  });

  it("judges the rules of a policy as the gate would, and finds arguments that a tool does not have", async () => {
    const tool =
      "kind: Tool\nmetadata: {name: refund}\nspec: {endpoint: 'https://x.example', input_schema: {type: object, properties: {amount: {type: number}}}}\n";
    const policy = (rules: string): string =>
      `kind: AgentPolicy\nmetadata: {name: p}\nspec:\n  apply_mode: global\n  rules:\n    - match: {tools: [refund]}\n${rules}`;
    const run = async (rules: string): Promise<unknown> => told(await load(tool, policy(rules)));
    expect(await run("      must: {amount: {at_most: 100}}\n")).toEqual([]);
    expect(await run("      must: {amount: {at_mots: 100}}\n")).toEqual([
      "error SCHEMA 7:32 `spec.rules[0].must.amount.at_mots` is unknown",
    ]);
    expect(await run("      when: 'args.x.matches(\"a\")'\n")).toEqual([
      "error SCHEMA 7:13 `spec.rules[0].when` may not use `matches`: use `re2`, which no text can make slow",
    ]);
    expect(await run("      must: {amont: {at_most: 100}}\n")).toEqual([
      "error SCHEMA 7:21 AgentPolicy `p` judges the argument `amont`, which Tool `refund` does not have",
    ]);
  });

  it("finds what a system's graph names beside its agents", async () => {
    const result = await load(
      MODEL,
      agent("a", ""),
      agent("b", ""),
      "kind: AgentSystem\nmetadata: {name: s}\nspec:\n  agents: [a]\n  graph:\n    a: {next: b}\n",
    );
    expect(told(result)).toEqual([
      "error DANGLING_REFERENCE 6:15 the graph of AgentSystem `s` names `b`, which is not one of its agents",
    ]);
  });

  it("asks for max_turns where a graph has a cycle", async () => {
    const system =
      "kind: AgentSystem\nmetadata: {name: s}\nspec:\n  agents: [a, b]\n  graph: {a: {next: b}, b: {next: a}}\n";
    const run = (more: string): Promise<unknown> =>
      load(
        MODEL,
        agent("a", ""),
        agent("b", ""),
        system,
        `kind: Task\nmetadata: {name: t}\nspec: {system: s${more}}\n`,
      ).then(({ problems }) => problems.map(({ severity, code }) => [severity, code]));
    expect([await run(""), await run(", max_turns: 3")]).toEqual([[["warning", "CYCLE"]], []]);
  });

  it("names both manifests of one address, and both servers of one tool name", async () => {
    const role = "kind: AgentRole\nmetadata: {name: r}\n";
    const twice = await load(role, role);
    expect(twice.problems).toMatchObject([
      { code: "DUPLICATE_ADDRESS", file: "2.yaml", related: { file: "1.yaml", line: 2, column: 18 } },
    ]);
    const servers = await load(server(""), server("").replace("github_mcp", "github-mcp"));
    expect(servers.problems).toMatchObject([{ code: "DUPLICATE_TOOL_NAME", related: { file: "2.yaml" } }]);
  });
});

describe("secrets", () => {
  const values = ["hunter2hunter2", "c2VjcmV0c2VjcmV0", "sk-live-0123456789"];
  it.each([
    [
      "a Secret",
      `kind: Secret\nmetadata: {name: s}\nspec:\n  stringData:\n    value: ${values[0]}\n  data:\n    b: ${values[1]}\n  unknown: 1\n`,
    ],
    [
      "a Secret that is broken",
      `kind: Secret\nmetadata: {name: s}\nspec:\n  stringData:\n    value: ${values[0]}\n    x: [\n`,
    ],
    [
      "a variable",
      `kind: McpServer\nmetadata: {name: s}\nspec:\n  transport: stdio\n  command: x\n  env:\n    - name: API_KEY\n      value: ${values[2]}\n  unknown: 1\n`,
    ],
    [
      "JSON in one line",
      `{"kind": "Secret", "metadata": {"name": "s"}, "spec": {"unknown": 1, "stringData": {"v": "${values[0]}"}}}`,
    ],
  ])("never show in the problems of %s", async (_, text) => {
    const result = await load(text);
    expect(result.problems.length).toBeGreaterThan(0);
    const shown = JSON.stringify(result.problems);
    expect(values.filter((value) => shown.includes(value))).toEqual([]);
  });
});

describe("where a Secret's value comes from", () => {
  const secret = (origin: string): string => `kind: Secret\nmetadata: {name: s}\nspec:\n  from:\n    a: ${origin}\n`;
  it.each([
    ["{sops: a.enc.yaml}", []],
    ["{sops: a.enc.yaml, path: /db/pass.word}", []],
    ["{}", ["error SCHEMA 5:8 `a` needs `env`, `file` or `sops`, one of them"]],
    ["{sops: a.yaml, file: b}", ["error SCHEMA 5:8 `a` needs `env`, `file` or `sops`, one of them"]],
    ["{sops: a.yaml, path: a..b}", ["error SCHEMA 5:29 `a..b` is no path"]],
    ["{sops: a.yaml, path: /a~2}", ["error SCHEMA 5:29 `/a~2` is no path"]],
    ["{file: b, path: c}", ["error SCHEMA 5:24 `path` is a place in a file of `sops`, and there is none"]],
  ])("%s", async (origin, problems) => {
    expect(told(await load(secret(origin)))).toEqual(problems);
  });
});

describe("how an MCP server is started", () => {
  const server = (more: string): string => `kind: McpServer\nmetadata: {name: s}\nspec:\n  transport: stdio\n${more}`;
  const mount = (path: string): string => `  env: [{name: T, secretRef: t, mountPath: ${path}}]\n`;
  const SANDBOXED = "  command: x\n  default_tool_runtime: {isolation_mode: sandboxed}\n";
  it.each([
    ["  image: mcp/gmail\n", "/secrets/a.json", []],
    [SANDBOXED, "/secrets/a.json", []],
    ["  command: x\n", "a.json", []],
    ["  command: x\n", "/a.json", ["`mountPath` would be a path on the runner's machine, and no file is put there"]],
    [SANDBOXED, "/a/../b", ["`mountPath` is no path that a file can be given at"]],
    [SANDBOXED, "/proc/1/mem", ["`mountPath` is no path that a file can be given at"]],
    [SANDBOXED, "a/b", ["`mountPath` is no path that a file can be given at"]],
    ["  image: a\n", '"/a,readonly=false"', ["`mountPath` is no path that a file can be given at"]],
    ["  image: x\n  command: y\n", "a", ["an `image` runs what it was made for: `command` has no effect"]],
    ["  image: oci-archive:x\n", "a", ["`image` is no name of an image"]],
    ["  command: x\n  image_pull_secret: t\n", "a", ["`image_pull_secret` has no effect without an `image`"]],
    ["  command: x\n  network: none\n", "a", ["a server without a sandbox or an image has the runner's network"]],
    [`${SANDBOXED}  network: bridge\n`, "a", ["a sandbox has the network none or host"]],
    ["  command: x\n  default_tool_runtime: {isolation_mode: wasm}\n", "a", ["no runner has it for MCP servers"]],
    ["  image: x\n  default_tool_runtime: {isolation_mode: none}\n", "a", ["no runner has it for MCP servers"]],
  ])("%j with mountPath %s", async (more, path, problems) => {
    const { problems: found } = await load(server(more + mount(path)));
    expect(found.filter(({ code }) => code === "SCHEMA").map(({ summary }) => summary)).toEqual(problems);
  });
});

describe("the mock's script", () => {
  it("is checked where it is written", async () => {
    expect(told(await load(endpoint('[{"agent": "a", "say": "hi"}]')))).toEqual([]);
    expect(told(await load(endpoint('[{"sya": "hi"}, {"call": [{}]}]')))).toEqual([
      "error SCHEMA 7:13 the mock's script is wrong: [0]: `sya` is not a field of a rule",
      "error SCHEMA 7:13 the mock's script is wrong: [1].call[0]: must have required property 'tool'",
    ]);
  });
});
