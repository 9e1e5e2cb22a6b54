// `explain`, `schema` and `init`: what a newcomer reads, and what a newcomer starts from.
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { runExplain } from "../../cli/commands/explain.ts";
import { runInit } from "../../cli/commands/init.ts";
import { runSchema } from "../../cli/commands/schema.ts";
import { runValidate } from "../../cli/commands/validate.ts";
import { packageRoot } from "../../cli/package-facts.ts";
import { DENIAL_HELP, FAILURE_HELP, PROBLEM_HELP } from "../../cli/view/code-help.ts";
import { DRIFT_HELP } from "../../cli/view/drift-help.ts";
import { HOLD_HELP } from "../../cli/view/hold-help.ts";
import { MODEL_FAILURE_HELP } from "../../cli/view/model-failure-help.ts";
import { type Listener, listenIn } from "./manifests.ts";

let listener: Listener;
beforeEach(async () => {
  listener = await listenIn();
});
afterEach(() => listener.remove());

describe("explain", () => {
  it("tells type, default and description of a field, and the fields below", async () => {
    const { host, told } = listener;
    expect(await runExplain(host, { subject: "agents.spec.limits", output: "text" })).toBe(0);
    expect(told.out.split("\n")).toEqual([
      "Agent.spec.limits  <object>",
      "",
      "  Bounds on one activation of the agent.",
      "",
      "FIELD         TYPE",
      "  max_steps   <integer>   default 10   Model turns of one activation at most.",
      "  timeout     <text>                   Wall time of one activation at most.",
      "",
      "Next: countwheel explain Agent.spec.limits.max_steps",
      "",
    ]);
  });

  it.each([
    ["AgentSystem.spec.graph.writer.edges[0].to", "AgentSystem.spec.graph.<writer>.edges.to", true],
    ["McpServer.spec.env.secretRef", "McpServer.spec.env.secret_ref", false],
    ["Task.metadata.name", "Task.metadata.name", true],
  ])("finds %s", async (subject, path, required) => {
    const { host, told } = listener;
    await runExplain(host, { subject, output: "json" });
    const answer = JSON.parse(told.out) as { kind: string; path: string; required: boolean };
    expect([`${answer.kind}.${answer.path}`, answer.required]).toEqual([path, required]);
  });

  it("explains every code of a problem, of a denial, of a hold and of a failure", async () => {
    for (const code of [PROBLEM_HELP, DENIAL_HELP, HOLD_HELP, FAILURE_HELP, MODEL_FAILURE_HELP, DRIFT_HELP].flatMap(
      (help) => Object.keys(help),
    )) {
      expect(await runExplain(listener.host, { subject: code, output: "text" })).toBe(0);
    }
    expect(listener.told.out).toContain("TOOL_BLOCKED  (a denial of the gate)");
    expect(listener.told.out).toContain("KILLS_RUNNERS  (a failure of a task)");
  });

  it.each([
    ["Agnet", "`Agnet` is no kind; did you mean `Agent`?"],
    ["Agent.spec.limts", "`limts` is not a field of Agent.spec; did you mean `limits`?"],
    ["TOOL_BLOKED", "`TOOL_BLOKED` is no code; did you mean `TOOL_BLOCKED`?"],
  ])("gives the nearest match for %s", async (subject, message) => {
    await expect(runExplain(listener.host, { subject, output: "text" })).rejects.toMatchObject({
      code: "USAGE",
      message,
    });
  });
});

describe("schema", () => {
  it("prints one kind, or all of them", async () => {
    const { host, told } = listener;
    await runSchema(host, { kind: "tools" });
    expect(JSON.parse(told.out)).toMatchObject({ $schema: "http://json-schema.org/draft-07/schema#", title: "Tool" });
    told.out = "";
    await runSchema(host, {});
    expect((JSON.parse(told.out) as { oneOf: unknown[] }).oneOf.length).toBe(16);
  });
});

describe("init", () => {
  it.each(["pipeline", "hierarchical", "swarm-loop"])(
    "writes a %s that validates without a remark",
    async (blueprint) => {
      const { host, told } = listener;
      expect(await runInit(host, { dir: "agents", blueprint, output: "text" })).toBe(0);
      expect(told.err).toBe("Next: countwheel validate agents, then countwheel up agents\n");
      told.out = "";
      expect(await runValidate(host, { paths: ["agents"], each: false, output: "json" })).toBe(0);
      expect(JSON.parse(told.out)).toMatchObject({ valid: true, problems: [] });
    },
  );

  it("gives each manifest the editor's line, and the schema beside them", async () => {
    const { host } = listener;
    await runInit(host, { dir: ".", blueprint: "pipeline", output: "text" });
    const [line] = (await readFile(join(host.cwd, "task.yaml"), "utf8")).split("\n");
    const [, path = ""] = /^# yaml-language-server: \$schema=(\S+)$/.exec(line ?? "") ?? [];
    expect(JSON.parse(await readFile(join(host.cwd, path), "utf8"))).toMatchObject({ title: "Countwheel manifests" });
  });

  it("writes workflows that plan and apply where the repository is on GitHub, or where it is told to", async () => {
    const { host } = listener;
    await mkdir(join(host.cwd, ".git"));
    await runInit(host, { dir: "agents", blueprint: "pipeline", output: "json" });
    expect(existsSync(join(host.cwd, ".github"))).toBe(false);
    await writeFile(join(host.cwd, ".git/config"), '[remote "origin"]\n\turl = git@github.com:acme/agents.git\n');
    await runInit(host, { dir: "other", blueprint: "pipeline", output: "json", workflows: false });
    expect(existsSync(join(host.cwd, ".github"))).toBe(false);
    await runInit(host, { dir: "agents", blueprint: "pipeline", output: "json" });
    for (const [name, event] of [
      ["plan", "pull_request"],
      ["apply", "push"],
      ["drift", "schedule"],
    ] as const) {
      const text = await readFile(join(host.cwd, `.github/workflows/countwheel-${name}.yml`), "utf8");
      const workflow = parse(text, { version: "1.2" });
      expect(Object.keys(workflow.on)[0]).toBe(event);
      const rights = name === "drift" ? { issues: "write" } : { "pull-requests": "write", checks: "write" };
      expect(workflow.permissions).toEqual({ contents: "read", ...rights });
      const [checkout, action] = workflow.jobs[name].steps;
      expect(checkout.uses).toMatch(/^actions\/checkout@[0-9a-f]{40}$/);
      expect(action.uses).toMatch(/^countwheel\/countwheel@v\d+\.\d+\.\d+$/);
      expect(action.with).toMatchObject({ command: name, path: "agents" });
      const inputs = parse(await readFile(join(packageRoot(), "action.yml"), "utf8")).inputs;
      expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(action.with)));
      expect(text).not.toMatch(/run:|github\.event|head_ref/);
    }
  });

  it("never overwrites a file", async () => {
    const { host, told } = listener;
    await writeFile(join(host.cwd, "task.yaml"), "mine\n");
    await runInit(host, { dir: ".", blueprint: "pipeline", output: "json" });
    expect(await readFile(join(host.cwd, "task.yaml"), "utf8")).toBe("mine\n");
    const { files } = JSON.parse(told.out) as { files: { path: string; how: string }[] };
    expect(files.filter(({ how }) => how === "kept").map(({ path }) => path)).toEqual(["task.yaml"]);
  });
});
