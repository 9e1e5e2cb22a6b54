// Effective access before and after a plan, as the run-time evaluator sees it, with the line that causes it.
import { describe, expect, it } from "vitest";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { manifest, observed, plan, source } from "./builders.ts";

const read = manifest("Tool", "orders.lookup", {});
const write = manifest("Tool", "stripe.refund", { risk_level: "high" });
const agent = (tools: readonly string[], more: object = {}) =>
  manifest("Agent", "refunds", { model_ref: "m", tools, ...more });
const system = (name: string) => manifest("AgentSystem", name, { agents: ["refunds"] });
const block = (spec: object) => manifest("AgentPolicy", "guard", { apply_mode: "global", ...spec });

function access(before: readonly LoadedManifest[], after: readonly LoadedManifest[]) {
  return plan({ source: source(after), observed: observed(before) }).access;
}

describe("access", () => {
  it("grows by a tool that the agent newly lists, and points to that line", () => {
    expect(access([read, agent([])], [read, agent(["orders.lookup"])])).toEqual([
      {
        agent: "refunds",
        gained: ["orders.lookup (read)"],
        lost: [],
        bounds: [],
        widens: true,
        cause: { file: "refunds.yaml", line: 6 },
      },
    ]);
  });

  it("shrinks by a policy that blocks a tool, and points to the policy", () => {
    const before = [write, agent(["stripe.refund"]), block({ blocked_tools: [] })];
    expect(access(before, [write, agent(["stripe.refund"]), block({ blocked_tools: ["stripe.refund"] })])).toEqual([
      {
        agent: "refunds",
        gained: [],
        lost: ["stripe.refund (write)"],
        bounds: [],
        widens: false,
        cause: { file: "guard.yaml", line: 1 },
      },
    ]);
  });

  it("names the system where a policy targets only one of them", () => {
    const scoped = manifest("AgentPolicy", "guard", { target_systems: ["b"], blocked_tools: ["orders.lookup"] });
    const set = [read, system("a"), system("b"), agent(["orders.lookup"])];
    expect(access(set, [...set, scoped])).toMatchObject([
      { gained: ["orders.lookup (read) in a"], lost: ["orders.lookup (read)"] },
    ]);
  });

  it("tells an approval from a free call", () => {
    const ask = manifest("ToolPermission", "stripe.refund", {
      required_permissions: [],
      operation_rules: [{ operation_class: "write", verdict: "approval_required" }],
    });
    const set = [
      write,
      manifest("AgentRole", "r", { permissions: ["tool:stripe.refund:invoke"] }),
      agent(["stripe.refund"], { roles: ["r"] }),
    ];
    expect(access(set, [...set, ask])).toMatchObject([
      { gained: ["stripe.refund (write, asks first)"], lost: ["stripe.refund (write)"], widens: false },
    ]);
    expect(access([...set, ask], set)).toMatchObject([{ gained: ["stripe.refund (write)"], widens: true }]);
  });

  it("stays as it is where a policy in audit mode objects", () => {
    const set = [read, agent(["orders.lookup"])];
    expect(access(set, [...set, block({ mode: "audit", blocked_tools: ["orders.lookup"] })])).toEqual([]);
  });

  it("counts a tool of a server as known, and as the worst that it may be", () => {
    const server = manifest("McpServer", "my_files", { transport: "stdio", command: "x" });
    expect(access([server, agent([])], [server, agent(["my-files--read-file"])])).toMatchObject([
      { gained: ["my-files--read-file (write)"] },
    ]);
  });

  it("is lost with the agent", () => {
    const set = [read, agent(["orders.lookup"])];
    expect(access(set, [read])).toMatchObject([{ agent: "refunds", lost: ["orders.lookup (read)"] }]);
  });

  it("is a model, too, that its endpoint names and a policy may take away", () => {
    const endpoint = (model: string) => manifest("ModelEndpoint", "m", { default_model: model });
    expect(access([endpoint("small"), agent([])], [endpoint("large"), agent([])])).toMatchObject([
      { gained: ["model large"], lost: ["model small"], widens: true, cause: { file: "m.yaml" } },
    ]);
    const set = [endpoint("large"), agent([])];
    expect(access(set, [...set, block({ allowed_models: ["small"] })])).toMatchObject([
      { gained: [], lost: ["model large"], widens: false, cause: { file: "guard.yaml" } },
    ]);
  });
});

describe("access to a model that two agents name", () => {
  const two = [
    manifest("ModelEndpoint", "m", { default_model: "large" }),
    ...["a", "b"].flatMap((name) => [
      manifest("Agent", name, { model_ref: "m" }),
      manifest("AgentSystem", `of-${name}`, { agents: [name] }),
    ]),
  ];
  const losers = (policy: Readonly<Record<string, unknown>>): string[] =>
    access(two, [...two, manifest("AgentPolicy", "guard", policy)]).flatMap(({ agent: name, lost }) =>
      lost.includes("model large") ? [name] : [],
    );

  it.each([
    ["the agents of its scope", { apply_mode: "global", target_agents: ["b"], allowed_models: ["small"] }],
    ["the systems of its scope", { target_systems: ["of-b"], allowed_models: ["small"] }],
    ["the agents of a rule", { apply_mode: "global", rules: [{ match: { agents: ["b"] }, effect: "deny" }] }],
  ])("is lost by the one that a policy tells apart by %s", (_how, policy) => {
    expect(losers(policy)).toEqual(["b"]);
  });

  it("is lost by both where a policy is for all", () => {
    expect(losers({ apply_mode: "global", allowed_models: ["small"] })).toEqual(["a", "b"]);
  });
});

describe("bounds of access", () => {
  const set = [write, agent(["stripe.refund"])];
  const rule = (...rules: object[]) => block({ rules });
  const atMost = (amount: number) => ({ match: { tools: ["stripe.refund"] }, must: { amount: { at_most: amount } } });
  const on = "stripe.refund (write)";

  it("narrow without taking the tool away, and are told in words", () => {
    expect(access(set, [...set, rule(atMost(100))])).toEqual([
      {
        agent: "refunds",
        gained: [],
        lost: [],
        bounds: [{ on, removed: [], added: ["`amount` must be at most 100"], widens: false }],
        widens: false,
        cause: { file: "guard.yaml", line: 1 },
      },
    ]);
  });

  it("widen where one goes, and where nobody can tell what another one lets through", () => {
    expect(access([...set, rule(atMost(100))], set)).toMatchObject([
      { bounds: [{ removed: ["`amount` must be at most 100"], added: [], widens: true }], widens: true },
    ]);
    expect(access([...set, rule(atMost(100))], [...set, rule(atMost(500))])).toMatchObject([
      {
        bounds: [{ removed: ["`amount` must be at most 100"], added: ["`amount` must be at most 500"], widens: true }],
      },
    ]);
  });

  it("of a smaller budget narrow", () => {
    const calls = (limit: number) => block({ max_calls: { "stripe.refund": limit } });
    expect(access([...set, calls(5)], [...set, calls(3)])).toMatchObject([
      { bounds: [{ removed: ["at most 5 calls in one task"], added: ["at most 3 calls in one task"] }], widens: false },
    ]);
    expect(access([...set, calls(3)], [...set, calls(5)])).toMatchObject([{ widens: true }]);
  });

  it("come with a tool that is gained", () => {
    const guarded = [write, rule(atMost(100))];
    expect(access([...guarded, agent([])], [...guarded, agent(["stripe.refund"])])).toMatchObject([
      { gained: [on], bounds: [{ on, added: ["`amount` must be at most 100"] }], widens: true },
    ]);
  });

  it("say what is allowed at all where everything else is denied", () => {
    const allow = (currency: string) => ({
      effect: "allow",
      match: { tools: ["stripe.refund"], arguments: { currency } },
    });
    const only = (...rules: object[]) => block({ default: "deny", rules });
    expect(access(set, [...set, only(allow("EUR"))])).toMatchObject([
      { gained: [], lost: [], bounds: [{ added: ['allowed where `currency` is "EUR"'] }], widens: false },
    ]);
    const more = access([...set, only(allow("EUR"))], [...set, only(allow("EUR"), allow("USD"))]);
    expect(more).toMatchObject([{ bounds: [{ added: ['allowed where `currency` is "USD"'] }], widens: true }]);
    expect(access([...set, only(allow("EUR"))], set)).toMatchObject([{ widens: true }]);
  });

  it("leave out what a policy in audit mode says", () => {
    expect(access(set, [...set, block({ mode: "audit", rules: [atMost(1)] })])).toEqual([]);
  });
});

describe("access under rules on what may be reached", () => {
  const caller = (...tools: string[]) => agent(tools);
  const egress = (rules: object) => block({ egress: rules });
  const grpc = (plaintext = false) =>
    manifest("Tool", "orders.find", { type: "grpc", endpoint: "orders.example.com:50051", grpc: { plaintext } });
  const granted = (tool: LoadedManifest, rules: object) =>
    access([tool, caller()], [tool, caller(tool.manifest.metadata.name), egress(rules)]).flatMap(
      ({ gained }) => gained,
    );

  it("knows the host, the port and the encryption of a grpc tool", () => {
    expect(granted(grpc(), { allow_hosts: ["orders.example.com"], schemes: ["https"] })).toEqual([
      "orders.find (read)",
    ]);
    expect(granted(grpc(), { allow_hosts: ["orders.example.com"], ports: [50_051] })).toEqual(["orders.find (read)"]);
    expect(granted(grpc(), { allow_hosts: ["orders.example.com"], ports: [443] })).toEqual([]);
    expect(granted(grpc(), { allow_hosts: ["other.example.com"] })).toEqual([]);
    expect(granted(grpc(true), { allow_hosts: ["orders.example.com"], schemes: ["https"] })).toEqual([]);
  });

  it("knows what a container, a module and an answer that comes later reach", () => {
    const none = { allow_hosts: [], processes: "deny" };
    const cli = (network?: string) =>
      manifest("Tool", "report", { type: "cli", cli: { command: "x", image: "i", ...(network && { network }) } });
    expect(granted(cli(), none)).toEqual(["report (read)"]);
    expect(granted(cli("bridge"), none)).toEqual([]);
    expect(granted(manifest("Tool", "score", { type: "wasm", wasm: { module: "a" } }), none)).toEqual(["score (read)"]);
    const later = manifest("Tool", "later", { type: "webhook-callback", endpoint: "https://later.example.com/x" });
    expect(granted(later, none)).toEqual([]);
    expect(granted(later, { allow_hosts: ["later.example.com"] })).toEqual(["later (read)"]);
  });

  it("knows the login of an image as a Secret that is used", () => {
    const tool = manifest("Tool", "report", {
      type: "cli",
      cli: { command: "x", image: "i", image_pull_secret: "hub" },
    });
    const allow = (allowed_secrets: readonly string[]) =>
      access([tool, agent([])], [tool, agent(["report"]), block({ allowed_secrets })]).flatMap(({ gained }) => gained);
    expect(allow(["hub"])).toEqual(["report (read)"]);
    expect(allow(["other"])).toEqual([]);
  });
});
