// Rules on the flow of data and on sequences that can never hold are told with their place and what to do.
import { describe, expect, it } from "vitest";
import { readAccessModel } from "../../../reconciler/plan/access-model.ts";
import { grantsOf } from "../../../reconciler/plan/grants.ts";
import { readToolFacts } from "../../../reconciler/plan/tool-facts.ts";
import { errorCodes, load, MODEL, told } from "./files.ts";

const HEAD = "apiVersion: countwheel.dev/v1\nkind:";
const TOOLS = `${HEAD} Tool
metadata: {name: mail}
spec: {type: http, endpoint: "https://mail.example", operation_classes: [write], sends_to: [Outside]}
---
${HEAD} McpServer
metadata: {name: box_1}
spec:
  transport: stdio
  command: box
  env: [{name: KEY, secretRef: box-key}]
  tool_facts:
    "*": {returns: [untrusted]}
    read_mail: {returns: [private]}
---
${HEAD} Tool
metadata: {name: read}
spec: {type: mcp, mcp_server_ref: box_1, mcp_tool_name: read_mail, returns: [mine]}
---
${HEAD} Secret
metadata: {name: box-key}
spec: {from: {value: {env: BOX_API_KEY}}}
---
${HEAD} Memory
metadata: {name: notes}
spec: {provider: http, endpoint: "https://notes.example", returns: [shared], sends_to: [notes]}
---
${HEAD} Agent
metadata: {name: clerk}
spec: {model_ref: m, tools: [mail, read, box-1--list], memory: {ref: notes, allow: [read, write]}}
`;
const policy = (spec: string): string =>
  `${HEAD} AgentPolicy\nmetadata: {name: guard}\nspec:\n  apply_mode: global\n${spec}`;
const test = (...cases: readonly string[]): string =>
  `${HEAD} PolicyTest\nmetadata: {name: t}\nspec:\n  cases:\n${cases.map((one) => `    - ${one}\n`).join("")}`;
const one = (request: string, expected: string): string => `{name: it, request: {${request}}, expect: {${expected}}}`;

describe("labels", () => {
  it("that tools, servers, memories and the policy itself know are no problem", async () => {
    const flow = [
      "{data: [private, UNTRUSTED], to: {sends_to: [outside]}}",
      "{data: [mine, shared, given], to: {sends_to: [out*, notes], tools: [mail]}}",
    ];
    const known = policy(`  input_labels: [given]\n  flow:\n${flow.map((rule) => `    - ${rule}\n`).join("")}`);
    expect(told(await load(MODEL, TOOLS, known))).toEqual([]);
  });

  it("that nothing has are told at their line, with a near one or what to write", async () => {
    const flow = "    - data: [privat, strange]\n      to: {sends_to: [outsid, elsewhere*]}\n";
    const result = await load(MODEL, TOOLS, policy(`  flow:\n${flow}`));
    const known = "AgentPolicy `guard` names the label";
    expect(told(result)).toEqual([
      `warning DANGLING_REFERENCE 7:14 ${known} \`privat\`, which nothing has in \`returns\``,
      `warning DANGLING_REFERENCE 7:22 ${known} \`strange\`, which nothing has in \`returns\``,
      `warning DANGLING_REFERENCE 8:23 ${known} \`outsid\`, which nothing has in \`sends_to\``,
      `warning DANGLING_REFERENCE 8:31 ${known} \`elsewhere*\`, which nothing has in \`sends_to\``,
    ]);
    expect(result.problems.map(({ detail }) => detail)).toEqual([
      "The rule never holds. Did you mean `private`?",
      "The rule never holds. Write `returns: [strange]` in a Tool, in `tool_facts` of an McpServer, or in a Memory.",
      "The rule never holds. Did you mean `outside`?",
      "The rule never holds. Write `sends_to: [elsewhere*]` in a Tool, in `tool_facts` of an McpServer, or in a Memory.",
    ]);
  });

  it("are wrong where they are no labels, and so is a rule without a place to go", async () => {
    expect(errorCodes(await load(MODEL, policy("  flow:\n    - {data: [a b], to: {tools: [mail]}}\n")))).toEqual([
      "SCHEMA",
    ]);
    const empty = await load(MODEL, TOOLS, policy("  flow:\n    - {data: [private], to: {}}\n"));
    expect(told(empty)).toEqual([
      expect.stringContaining("`spec.flow[0].to` says with none of tools, operation_classes, sends_to, agents"),
    ]);
  });

  it("of tools that a server's filter leaves out are told", async () => {
    const filtered = TOOLS.replace(
      "  command: box\n",
      "  command: box\n  tool_filter: {include: [read_mail]}\n",
    ).replace("read_mail: {returns", "read_mails: {returns");
    const problems = told(await load(MODEL, filtered.replace(", box-1--list", "")));
    expect(problems).toEqual(["warning SCHEMA 16:17 `tool_filter.include` has no tool `read_mails`"]);
  });
});

describe("tools in rules", () => {
  it("that nothing declares are told", async () => {
    const rules =
      "  flow:\n    - {data: [private], to: {tools: [mial]}}\n" +
      "  sequence:\n    - {tools: [mail], requires_before: [nothing], not_after: [read]}\n";
    expect(told(await load(MODEL, TOOLS, policy(rules)))).toEqual([
      "warning DANGLING_REFERENCE 7:38 AgentPolicy `guard` names Tool `mial`, which nothing declares",
      "warning DANGLING_REFERENCE 9:41 AgentPolicy `guard` names Tool `nothing`, which nothing declares",
    ]);
  });
});

describe("what manifests say of data", () => {
  it("is put together of the Tool and its server, of all patterns that match, and of the agent's memory", async () => {
    const model = readAccessModel((await load(MODEL, TOOLS)).set.manifests);
    const dataOf = (name: string, memory?: string) => readToolFacts(name, "default", model, memory).data;
    const served = { isProcess: true, secrets: ["default/box-key"] };
    const kept = { sendsTo: ["notes"], reaches: ["https://notes.example"] };
    expect(dataOf("mail")).toEqual({ sendsTo: ["Outside"], reaches: ["https://mail.example"] });
    expect(dataOf("read")).toEqual({ returns: ["mine", "untrusted", "private"], ...served });
    expect(dataOf("box_1--read-mail")).toEqual({ returns: ["untrusted", "private"], ...served });
    expect(dataOf("box-1--list")).toEqual({ returns: ["untrusted"], ...served });
    expect(dataOf("memory.read", "notes")).toEqual({ returns: ["shared"], ...kept });
    expect(dataOf("memory.write", "notes")).toEqual(kept);
    expect(dataOf("memory.read")).toBeUndefined();
  });

  it("bounds what access and plans tell", async () => {
    const flow = "  flow:\n    - {data: [private], to: {sends_to: [outside, notes]}, declassify: approval}\n";
    const sequence = "  sequence:\n    - {tools: [mail], requires_before: [read]}\n";
    const model = readAccessModel((await load(MODEL, TOOLS, policy(flow + sequence))).set.manifests);
    const bounds = grantsOf(model, "clerk").map(({ name, bounds }) => [name, ...bounds.map(({ text }) => text)]);
    const asks = "asks first once data labelled `private` was read";
    expect(bounds).toEqual([
      ["box-1--list"],
      ["mail", asks, "only after `read` has succeeded"],
      ["memory.read", asks],
      ["memory.write", asks],
      ["read"],
      ["mock"],
    ]);
  });

  it("denies in access what would reach another host or use another Secret", async () => {
    const rules = "  egress: {allow_hosts: [mail.example], processes: deny}\n  allowed_secrets: [mail]\n";
    const set = (await load(MODEL, TOOLS, policy(rules))).set.manifests;
    const calls = grantsOf(readAccessModel(set), "clerk").map(({ name, effect, reasons }) => [
      name,
      effect,
      ...new Set(reasons.map(({ code }) => code)),
    ]);
    expect(calls).toEqual([
      ["box-1--list", "deny", "EGRESS_DENIED", "SECRET_NOT_GRANTED"],
      ["mail", "allow", undefined],
      ["memory.read", "deny", "EGRESS_DENIED"],
      ["memory.write", "deny", "EGRESS_DENIED"],
      ["read", "deny", "EGRESS_DENIED", "SECRET_NOT_GRANTED"],
      ["mock", "allow"],
    ]);
  });

  it("tells hosts that are none and Secrets that nothing declares", async () => {
    const rules = policy(
      '  egress:\n    allow_hosts: [a.example, "https://a.example"]\n  allowed_secrets: [box-kye]\n',
    );
    expect(told(await load(MODEL, TOOLS, rules))).toEqual([
      "error SCHEMA 7:30 `spec.egress.allow_hosts[1]` names no hosts (no scheme, no path)",
      expect.stringContaining("names Secret `box-kye`, which nothing declares"),
    ]);
  });

  it("and what came before can be stated in a PolicyTest", async () => {
    const rules =
      "  flow:\n    - {data: [private, untrusted], to: {sends_to: [outside]}}\n" +
      "  sequence:\n    - {tools: [mail], requires_before: [read], not_after: [memory.write]}\n";
    const cases = test(
      one("tool: mail, labels: [private], succeeded: [read]", "effect: allow"),
      one("tool: mail, labels: [private, untrusted], succeeded: [read]", "effect: deny, code: FLOW_VIOLATION"),
      one("tool: mail", "effect: deny, code: FLOW_VIOLATION"),
      one("tool: mail, succeeded: [read], called: [memory.write]", "effect: deny, code: FLOW_VIOLATION"),
      one("tool: made-up, sends_to: [outside], labels: [private, untrusted]", "effect: deny, code: FLOW_VIOLATION"),
      one("agent: clerk, tool: memory.read", "effect: allow"),
      one("tool: mail, reaches: [https://evil.test], succeeded: [read]", "effect: deny, code: EGRESS_DENIED"),
      one("tool: made-up, process: true", "effect: deny, code: EGRESS_DENIED"),
      one("model: mock, reaches: [https://evil.test]", "effect: deny, code: EGRESS_DENIED"),
      one("tool: made-up, secrets: [default/other]", "effect: deny, code: SECRET_NOT_GRANTED"),
    );
    const hosts =
      "  egress: {allow_hosts: [mail.example, notes.example], processes: deny}\n  allowed_secrets: [box-key]\n";
    expect(told(await load(MODEL, TOOLS, policy(rules + hosts), cases))).toEqual([]);
  });
});
