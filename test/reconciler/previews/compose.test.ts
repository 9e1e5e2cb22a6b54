// What of a pull request a preview takes, and what it takes of the base whatever the pull request says.
import { describe, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { specOf } from "../../../contracts/kinds.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { composePreview } from "../../../reconciler/previews/compose.ts";
import { manifest, observed } from "../plan/builders.ts";

const { previews: settings } = defaultSettings("default");
const MARK = { annotations: { "countwheel.dev/run-on": "pull_request" } };

const task = (name = "check", system = "desk") => manifest("Task", name, { mode: "template", system }, MARK);
const system = (name = "desk", agents: readonly string[] = ["writer"]) => manifest("AgentSystem", name, { agents });
type Spec = Readonly<Record<string, unknown>>;
const agent = (spec: Spec = {}, name = "writer") => manifest("Agent", name, { model_ref: "gpt", ...spec });
const model = (spec: Spec = {}) =>
  manifest("ModelEndpoint", "gpt", { provider: "openai", default_model: "m", auth: { secret_ref: "key" }, ...spec });
const secret = (from = "OPENAI_API_KEY") => manifest("Secret", "key", { from: { value: { env: from } } });
const server = (command = "files") => manifest("McpServer", "files", { transport: "stdio", command });
const cli = (command = "grep") => manifest("Tool", "search", { type: "cli", cli: { command } });
const policy = (spec: Spec) => manifest("AgentPolicy", "guard", spec);

const BASE = [system(), agent(), model(), secret(), server(), cli()];

function compose(head: readonly LoadedManifest[], base: readonly LoadedManifest[] = BASE) {
  return composePreview(head, observed(base).records, settings);
}

/** The head is the base with these instead of those of their addresses. */
function changed(...others: readonly LoadedManifest[]) {
  const addresses = new Set(others.map(({ address }) => address));
  return [task(), ...others, ...BASE.filter(({ address }) => !addresses.has(address))];
}

const found = (made: ReturnType<typeof compose>, address: string) =>
  made.manifests.find((loaded) => loaded.address === address)?.manifest;

describe("a preview", () => {
  it("takes what agents say and how they are wired from the head", () => {
    const made = compose(
      [...changed(agent({ prompt: "Be brief." }, "editor")), agent({ prompt: "New." })].filter(unique),
    );
    expect([made.runs, made.remarks]).toEqual([1, []]);
    expect(found(made, "Agent/default/writer")?.spec).toMatchObject({ model_ref: "gpt" });
    const other = compose(changed(agent({ prompt: "New." })));
    expect(found(other, "Agent/default/writer")?.spec).toEqual({ model_ref: "gpt", prompt: "New." });
  });

  it("runs a template, once, within both its limits and the preview's", () => {
    const long = manifest(
      "Task",
      "check",
      { mode: "template", system: "desk", limits: { wait: "1m", duration: "5h" } },
      MARK,
    );
    const made = compose([long, ...BASE]);
    const loaded = found(made, "Task/default/check");
    expect(loaded === undefined ? undefined : specOf(loaded, "Task")).toMatchObject({
      mode: "run",
      limits: { wait: "1m", duration: "10m" },
    });
  });

  it("leaves out Tasks that are not marked, schedules, webhooks and tests", () => {
    const made = compose([
      ...changed(),
      manifest("Task", "other", { system: "desk" }),
      manifest("Task", "later", { system: "desk" }, { annotations: { "countwheel.dev/run-on": "push" } }),
      manifest("TaskSchedule", "s", { task_ref: "check", schedule: "* * * * *" }),
      manifest("TaskWebhook", "w", { task_ref: "check", auth: {} }),
      manifest("PolicyTest", "p", { cases: [] }),
    ]);
    const kinds = made.manifests.filter(({ manifest: { kind } }) => /^(Task|PolicyTest)/.test(kind));
    expect(kinds.map(({ address }) => address)).toEqual(["Task/default/check"]);
  });

  it("has the base's policies, roles and permissions, whatever the head says, and says so", () => {
    const strict = policy({ apply_mode: "global", blocked_tools: ["search"] });
    const role = manifest("AgentRole", "r", { permissions: [] });
    const made = compose([...changed(policy({ apply_mode: "global" })), role], [...BASE, strict]);
    expect(found(made, "AgentPolicy/default/guard")?.spec).toEqual(strict.manifest.spec);
    expect(found(made, "AgentRole/default/r")).toBeUndefined();
    expect(made.remarks).toEqual([
      "what this pull request changes of policies, roles and permissions does not count here: AgentPolicy `guard`, AgentRole `r`",
    ]);
    const deleted = compose(changed(), [...BASE, strict]);
    expect(found(deleted, "AgentPolicy/default/guard")?.spec).toEqual(strict.manifest.spec);
  });

  it("has limits of its own under a name that gives way to none of the base's", () => {
    const taken = manifest("AgentPolicy", "countwheel-preview-limits", { apply_mode: "global", blocked_tools: ["x"] });
    const made = compose(changed(taken), [...BASE, taken]);
    expect(found(made, "AgentPolicy/default/countwheel-preview-limits")?.spec).toEqual(taken.manifest.spec);
    expect(found(made, "AgentPolicy/default/countwheel-preview-limits-x")?.spec).toEqual({
      apply_mode: "global",
      max_tokens_per_run: 100_000,
      budgets: [{ steps: 100, wall: "10m" }],
    });
  });

  it("runs no more Tasks than its limits allow", () => {
    const made = composePreview([task("a"), task("b"), ...BASE], observed(BASE).records, { ...settings, maxTasks: 1 });
    expect([made.marked, made.runs, made.remarks]).toEqual([2, 1, ["Task `b` does not run: a preview runs 1 at most"]]);
  });

  const tools = ["search", "files--read"];
  const withTools = agent({ tools });
  const base = BASE.map((loaded) => (loaded.address === withTools.address ? withTools : loaded));
  const head = (...others: readonly LoadedManifest[]) => {
    const addresses = new Set(others.map(({ address }) => address));
    return [task(), ...others, ...base.filter(({ address }) => !addresses.has(address))];
  };
  const isOther = "is not the base's: what it starts, opens or reaches was changed";
  const isNew = "is new: what it starts, opens or reaches is not the base's";

  it.each([
    ["another command of a server", head(server("evil")), `McpServer \`files\` ${isOther}`],
    [
      "another image of a server",
      head(manifest("McpServer", "files", { transport: "stdio", image: "evil:1" })),
      `McpServer \`files\` ${isOther}`,
    ],
    ["another command of a tool", head(cli("curl")), `Tool \`search\` ${isOther}`],
    [
      "another address for a model's key",
      head(model({ base_url: "https://evil.test" })),
      `ModelEndpoint \`gpt\` ${isOther}`,
    ],
    ["another place of a secret", head(secret("AWS_SECRET")), `Secret \`key\` ${isOther}`],
    [
      "a new tool",
      [
        ...head(agent({ tools: [...tools, "post"] })),
        manifest("Tool", "post", { type: "http", endpoint: "https://x.test" }),
      ],
      `Tool \`post\` ${isNew}`,
    ],
    [
      "a new server",
      [
        ...head(agent({ tools: ["mail--send"] })),
        manifest("McpServer", "mail", { transport: "stdio", command: "mail" }),
      ],
      `McpServer \`mail\` ${isNew}`,
    ],
    [
      "a new memory outside",
      [
        ...head(agent({ memory: { ref: "m" } })),
        manifest("Memory", "m", { provider: "http", endpoint: "https://x.test" }),
      ],
      `Memory \`m\` ${isNew}`,
    ],
    [
      "a memory whose place is a secret",
      [...head(agent({ memory: { ref: "m" } })), manifest("Memory", "m", { endpoint_secret_ref: "key" })],
      `Memory \`m\` ${isNew}`,
    ],
    [
      "a role more",
      head(agent({ tools, roles: ["admin"] })),
      "Agent `writer` has other roles than in the base (`admin`)",
    ],
    [
      "a tool that it allows itself",
      head(agent({ tools, allowed_tools: ["search"] })),
      "Agent `writer` allows itself `search`, which it does not in the base",
    ],
  ])("does not run with %s", (_what, manifests, why) => {
    expect(compose(manifests, base)).toMatchObject({
      manifests: [],
      runs: 0,
      remarks: [`Task \`check\` does not run: ${why}`],
    });
  });

  it("runs beside changes that its Tasks do not need, with nothing of them", () => {
    const made = compose([
      ...changed(server("evil"), cli("curl")),
      manifest("Tool", "post", { type: "cli", cli: { command: "sh" } }),
    ]);
    expect([made.runs, made.remarks]).toEqual([1, []]);
    expect(found(made, "McpServer/default/files")?.spec).toEqual(server().manifest.spec);
    expect(found(made, "Tool/default/search")?.spec).toEqual(cli().manifest.spec);
    expect(found(made, "Tool/default/post")).toBeUndefined();
  });

  it("takes a mock model and a memory within itself from the head", () => {
    const mock = manifest("ModelEndpoint", "gpt", { provider: "mock", default_model: "m" });
    const memory = manifest("Memory", "notes", { provider: "redis" });
    const made = compose([...changed(mock, agent({ memory: { ref: "notes" } })), memory]);
    expect([made.runs, made.remarks]).toEqual([1, []]);
    expect(found(made, "ModelEndpoint/default/gpt")?.spec).toEqual(mock.manifest.spec);
    expect(found(made, "Memory/default/notes")?.spec).toEqual(memory.manifest.spec);
    const before = manifest("Memory", "notes", { provider: "redis", returns: ["private"] });
    const unlabelled = compose([...changed(mock, agent({ memory: { ref: "notes" } })), memory], [...BASE, before]);
    expect(unlabelled.remarks).toEqual([expect.stringContaining("Memory `notes` is not the base's")]);
    const keyed = manifest("ModelEndpoint", "gpt", {
      provider: "mock",
      default_model: "m",
      auth: { secret_ref: "key" },
    });
    expect(compose(changed(keyed)).runs).toBe(0);
  });

  const scoped = policy({ target_agents: ["writer"], blocked_tools: ["search"] });
  const bySystem = policy({ target_systems: ["desk"], blocked_tools: ["search"] });
  const byWords = policy({ apply_mode: "global", rules: [{ when: 'task == "check"', effect: "deny" }] });
  const permission = manifest("ToolPermission", "search", { required_permissions: [] });
  const editor = agent({ tools: ["search"] }, "editor");
  const names = "and the base has policies that go by names";

  it.each([
    [
      "an agent that policies do not know",
      [scoped],
      [system("desk", ["editor"]), editor],
      `Agent \`editor\` is new, ${names}`,
    ],
    [
      "a system that policies do not know",
      [bySystem],
      [manifest("Task", "check", { system: "other" }, MARK), system("other")],
      `AgentSystem \`other\` is new, ${names}`,
    ],
    [
      "an agent in another system",
      [bySystem, agent({}, "editor")],
      [system("desk", ["writer", "editor"]), agent({}, "editor")],
      "`editor` is none of the agents of AgentSystem `desk` in the base, whose policies go by names",
    ],
    ["a task that policies do not know", [byWords], [], `Task \`check\` is new, ${names}`],
    [
      "a new agent without the roles that there are",
      [permission],
      [system("desk", ["editor"]), editor],
      "Agent `editor` is new, and nothing in the base gives it the roles or the tools that it lists",
    ],
    [
      "a new agent that allows itself a tool",
      [],
      [system("desk", ["editor"]), agent({ allowed_tools: ["search"] }, "editor")],
      "Agent `editor` is new, and nothing in the base gives it the roles or the tools that it lists",
    ],
  ])("is no way around the base's rules by %s", (_what, more, others, why) => {
    const made = compose(
      [...others, ...more.filter(({ manifest: { kind } }) => kind !== "Agent"), task(), ...BASE].filter(unique),
      [...BASE, ...more],
    );
    expect([made.runs, made.remarks]).toEqual([0, [expect.stringContaining(why)]]);
  });

  it("knows what is new where no rule of the base goes by names", () => {
    const made = compose(changed(system("desk", ["editor"]), editor));
    expect([made.runs, made.remarks]).toEqual([1, []]);
  });
});

function unique({ address }: LoadedManifest, index: number, all: readonly LoadedManifest[]): boolean {
  return all.findIndex((loaded) => loaded.address === address) === index;
}
