// plan, apply, reconcile --once and history as commands: what they print, and their exit codes.
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type ApplyOptions, runApply } from "../../cli/commands/apply.ts";
import { runHistory } from "../../cli/commands/history.ts";
import { type PlanOptions, runPlan } from "../../cli/commands/plan.ts";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { runValidate } from "../../cli/commands/validate.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { UsageFailure } from "../../cli/output.ts";
import { type Plan, planDigest } from "../../contracts/plan.ts";
import { closeRedis, connectRedis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const agent = (name: string, prompt = "p"): string =>
  `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: ${prompt}}\n`;
const TASK = `kind: AgentSystem
metadata: {name: sys}
spec: {agents: [a]}
---
kind: Task
metadata: {name: t}
spec: {system: sys}
`;
const secret = (value: string): string => `kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: ${value}}}\n`;

describeWithRedis("plan and apply", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let env: string;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    repository = await testRepository({
      "agents/m.yaml": MODEL,
      "agents/a.yaml": agent("a"),
      "agents/b.yaml": agent("b"),
    });
  });
  afterEach(() => repository.remove());

  function listen(more: Partial<Host> = {}) {
    const told = { out: "", err: "" };
    const output = (name: "out" | "err", isTTY: boolean) => ({
      isTTY,
      columns: 120,
      write: (text: string) => {
        told[name] += text;
      },
    });
    const host: Host = {
      stdout: output("out", false),
      stderr: output("err", more.confirm !== undefined),
      cwd: repository.folder,
      config: readConfig({ PATH: TEST_GIT.path }).config,
      signal: new AbortController().signal,
      now: () => new Date(),
      confirm: async () => false,
      ...more,
    };
    return { host, told };
  }

  const common = () => ({ env, redis: server.url, output: "text", verbose: false }) as const;
  async function plan(flags: Partial<PlanOptions> = {}, more: Partial<Host> = {}) {
    const { host, told } = listen(more);
    const code = await runPlan(host, { ...common(), against: "state", detailedExitcode: true, ...flags });
    return { code, ...told };
  }
  async function apply(flags: Partial<ApplyOptions> = {}, more: Partial<Host> = {}) {
    const { host, told } = listen(more);
    const code = await runApply(host, { ...common(), yes: true, ...flags });
    return { code, ...told };
  }
  const commit = () => ({ repo: repository.folder, ref: "main", path: "agents" });

  it("plan a working tree and a commit alike, apply, and then have nothing to do", async () => {
    const tree = await plan({ folder: "agents" });
    expect(tree.code).toBe(2);
    expect(tree.out).toMatch(/\+ Agent\/a +agents\/a\.yaml:1\n/);
    expect(tree.out.endsWith("\nPlan: 3 to create, 0 to update, 0 to move, 0 to prune.\n")).toBe(true);
    expect(tree.err).toContain("Next: countwheel apply agents");
    const applied = await apply(commit());
    expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("as #1") });
    expect((await plan({ folder: "agents" })).out.endsWith("No changes.\n")).toBe(true);
    expect((await plan(commit())).code).toBe(0);
  });

  it("show a working tree's files as they open from here, and plan the same bytes from anywhere", async () => {
    await repository.commit({
      "agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec:\n  model_ref: m\n  promt: p\n",
    });
    const inside = await plan({ folder: "." }, { cwd: join(repository.folder, "agents") });
    expect(inside.out).toMatch(/\+ Agent\/b +b\.yaml:1\n/);
    expect(inside.out).toMatch(
      /\na\.yaml:5:3: UNKNOWN_FIELD: warning: .*\n(.*\n)*> 5 \|   promt: p\n.*\n  Did you mean `prompt`/,
    );
    const digestFrom = async (cwd: string, folder: string): Promise<unknown> =>
      (JSON.parse((await plan({ folder, output: "json" }, { cwd })).out) as { digest: string }).digest;
    expect(await digestFrom(repository.folder, "agents")).toBe(
      await digestFrom(join(repository.folder, "agents"), "."),
    );
  });

  it("show the files of a folder outside of any repository as they open from here", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "cw-plain-"));
    try {
      await mkdir(join(cwd, "agents"));
      await writeFile(join(cwd, "agents", "m.yaml"), MODEL);
      const planned = async (folder: string, from = cwd): Promise<string> =>
        (await plan({ folder }, { cwd: from })).out;
      expect(await planned("agents")).toMatch(/ModelEndpoint\/m +agents\/m\.yaml:1\n/);
      expect(await planned("agents/m.yaml")).toMatch(/ModelEndpoint\/m +agents\/m\.yaml:1\n/);
      expect(await planned(".", join(cwd, "agents"))).toMatch(/ModelEndpoint\/m +m\.yaml:1\n/);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  });

  it("print the plan as JSON that is the saved plan", async () => {
    const out = join(repository.folder, "plan.json");
    const shown = await plan({ ...commit(), output: "json", out });
    expect(JSON.parse(shown.out)).toEqual(JSON.parse(await readFile(out, "utf8")));
    expect(JSON.parse(shown.out)).toMatchObject({
      formatVersion: "1",
      counts: { create: 3 },
      source: { path: "agents" },
    });
  });

  it("apply a saved plan once, exactly, and with the secrets that it does not hold", async () => {
    await repository.commit({ "agents/s.yaml": secret("hunter2") });
    await plan({ ...commit(), out: "plan.json" });
    expect(await readFile(join(repository.folder, "plan.json"), "utf8")).not.toContain("hunter2");
    expect((await apply({ target: "plan.json" })).code).toBe(0);
    expect((await plan(commit())).code).toBe(0);
    expect(await apply({ target: "plan.json" })).toMatchObject({ code: 5, err: expect.stringContaining("PLAN_USED") });
  });

  it("refuse a saved plan whose ref moved, or whose working tree was edited", async () => {
    await plan({ ...commit(), out: "plan.json" });
    await plan({ folder: "agents", out: "tree.json" });
    await repository.commit({ "agents/a.yaml": agent("a", "other") });
    expect(await apply({ target: "plan.json" })).toMatchObject({
      code: 5,
      err: expect.stringContaining("refs/heads/main moved"),
    });
    const tree = await apply({ target: "tree.json", output: "json" });
    expect(tree.code).toBe(5);
    expect(JSON.parse(tree.out)).toMatchObject({ error: { code: "PLAN_STALE", moved: [{ input: "manifest" }] } });
  });

  it("refuse an altered plan, an expired one, and one for another environment", async () => {
    await plan({ ...commit(), out: "plan.json" });
    const file = join(repository.folder, "plan.json");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace('"prompt": "p"', '"prompt": "evil"'));
    await expect(apply({ target: "plan.json" })).rejects.toMatchObject({ code: "PLAN_ALTERED" });
    await writeFile(file, text);
    const late = await apply({ target: "plan.json" }, { now: () => new Date(Date.now() + 25 * 3_600_000) });
    expect(late).toMatchObject({ code: 5, err: expect.stringContaining("expired") });
    expect(await apply({ target: "plan.json", env: "other" })).toMatchObject({
      code: 5,
      err: expect.stringContaining(`--env ${env}`),
    });
  });

  it("show the problems of an invalid set, prune nothing and exit 3", async () => {
    await apply(commit());
    await repository.commit({
      "agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: nope}\n",
      "agents/b.yaml": null,
    });
    const shown = await plan(commit());
    expect(shown.code).toBe(3);
    expect(shown.out).toContain("DANGLING_REFERENCE");
    expect(shown.out).not.toContain("- Agent/b");
    expect((await apply(commit())).code).toBe(3);
  });

  it("show a condition that names what its tool does not have, in validate and in the plan of the commit", async () => {
    await repository.commit({
      "agents/pay.yaml": `kind: Tool
metadata: {name: pay}
spec:
  endpoint: https://pay.example
  input_schema: {type: object, properties: {amount: {type: number}}}
---
kind: AgentPolicy
metadata: {name: p}
spec:
  apply_mode: global
  rules:
    - match: {tools: [pay]}
      when: has(args.amont) && args.amont > 3
    - match: {tools: [pay]}
      when: args.amount == "x"
`,
    });
    const { host, told } = listen();
    expect(await runValidate(host, { paths: ["agents"], each: false, output: "text" })).toBe(3);
    const shown = await plan(commit());
    expect(shown.code).toBe(3);
    for (const text of [told.out, shown.out]) {
      expect(text).toContain(
        "agents/pay.yaml:13:13: SCHEMA: AgentPolicy `p` judges the argument `amont`, which Tool `pay` does not have",
      );
      expect(text).toContain("Did you mean `amount`, declared at agents/pay.yaml:5:44?");
      expect(text).toContain("agents/pay.yaml:15:13: SCHEMA: AgentPolicy `p` cannot judge calls of Tool `pay` by");
    }
  });

  it("exit 1 for a source that cannot be read, and change nothing", async () => {
    await apply(commit());
    const gone = `${repository.folder}.gone`;
    await rename(repository.folder, gone);
    const { host, told } = listen();
    const options = { ...common(), ...commit(), interval: 1_000, once: true };
    expect(await runReconcile(host, options)).toBe(1);
    expect(told.out).toContain("REPOSITORY_UNREACHABLE");
    await rename(gone, repository.folder);
    expect((await plan(commit())).code).toBe(0);
    expect((await plan({ folder: "no-such" })).code).toBe(1);
  });

  it("ask before they apply, and refuse where nobody can answer", async () => {
    await expect(apply({ yes: false })).rejects.toBeInstanceOf(UsageFailure);
    const questions: string[] = [];
    const answering = (answer: boolean) => async (question: string) => {
      questions.push(question);
      return answer;
    };
    expect((await apply({ yes: false }, { confirm: answering(false) })).code).toBe(1);
    expect((await apply({ yes: false }, { confirm: answering(true) })).code).toBe(0);
    expect(questions[0]).toContain("3 to create");
  });

  it("prune nothing whose file is empty for the moment, as an editor leaves it", async () => {
    await apply(commit());
    await repository.write({ "agents/b.yaml": "" });
    expect(await apply({ target: "agents" })).toMatchObject({ code: 4, err: expect.stringContaining("PLAN_BLOCKED") });
  });

  it("refuse a saved plan that says something else than it does, although its digest fits", async () => {
    await apply(commit());
    await repository.commit({ "agents/b.yaml": null });
    await plan({ ...commit(), out: "plan.json" });
    const file = join(repository.folder, "plan.json");
    const made = JSON.parse(await readFile(file, "utf8")) as Plan;
    const forge = (forged: Plan): Promise<void> =>
      writeFile(file, JSON.stringify({ ...forged, digest: planDigest(forged) }));
    await forge({ ...made, counts: { ...made.counts, prune: 0 } });
    await expect(apply({ target: "plan.json", confirmPrunes: 0 })).rejects.toMatchObject({ code: "PLAN_ALTERED" });
    await forge({ ...made, changes: made.changes.map((change) => ({ ...change, name: "harmless" })) });
    await expect(apply({ target: "plan.json" })).rejects.toMatchObject({ code: "PLAN_ALTERED" });
    await forge(made);
    expect((await apply({ target: "plan.json" })).code).toBe(0);
  });

  it("never take a cut plan, or one file of many, for the whole set", async () => {
    await apply(commit());
    await plan({ ...commit(), out: "plan.json" });
    const file = join(repository.folder, "plan.json");
    await writeFile(file, (await readFile(file, "utf8")).slice(0, 100));
    expect(await apply({ target: "plan.json" })).toMatchObject({
      code: 1,
      err: expect.stringContaining("no whole saved plan"),
    });
    expect(await apply({ target: "agents/m.yaml" })).toMatchObject({
      code: 4,
      err: expect.stringContaining("--confirm-prunes 2"),
    });
    expect((await apply({ target: "agents/m.yaml", confirmPrunes: 2 })).code).toBe(0);
  });

  it("prune only as many records as were confirmed", async () => {
    await apply(commit());
    await repository.commit({ "agents/b.yaml": null });
    expect(await apply({ ...commit(), confirmPrunes: 2 })).toMatchObject({
      code: 4,
      err: expect.stringContaining("PRUNES_NOT_CONFIRMED"),
    });
    expect((await apply({ ...commit(), confirmPrunes: 1 })).code).toBe(0);
  });

  it("compare with a ref without any Redis", async () => {
    await repository.commit({ "agents/c.yaml": agent("c") });
    await repository.git("branch", "base", "HEAD^");
    const flags = { ...commit(), against: "base", redis: "redis://127.0.0.1:1", output: "json" } as const;
    const shown = await plan(flags);
    expect(JSON.parse(shown.out)).toMatchObject({ counts: { create: 1, noop: 3 }, state: { lineage: "", serial: 0 } });
    expect((await plan({ ...flags, path: "new", ref: "main", against: "base" })).code).toBe(1);
  });

  it("hold a rewritten branch with exit 4", async () => {
    await apply(commit());
    await repository.git("commit", "--quiet", "--amend", "--message", "again");
    await repository.commit({ "agents/b.yaml": null });
    expect(await apply(commit())).toMatchObject({ code: 4, err: expect.stringContaining("HISTORY_HELD") });
    const { host, told } = listen();
    expect(await runReconcile(host, { ...common(), ...commit(), interval: 1_000, once: true })).toBe(4);
    expect(told.out).toContain("held");
  });

  /** As after FLUSHALL, or on an empty server that took the address. */
  const flush = async (): Promise<void> => {
    const redis = connectRedis(server.url, "command");
    await redis.del(Object.values(environmentKeys(env)));
    await closeRedis(redis);
  };

  it("hold where the state is gone, until somebody says that it was meant", async () => {
    await repository.commit({ "agents/t.yaml": TASK });
    expect((await apply(commit())).out).toContain("Task t was made.");
    await flush();
    const shown = await plan(commit());
    expect(shown.err).toContain("STATE_REPLACED");
    expect(shown.err).toContain("--accept-new-state");
    expect(await apply({ ...commit(), output: "json" })).toMatchObject({
      code: 4,
      out: expect.stringContaining("STATE_REPLACED"),
    });
    await plan({ ...commit(), out: "plan.json" });
    expect((await apply({ target: "plan.json" })).code).toBe(4);
    const held = listen();
    const options = { ...common(), ...commit(), interval: 1_000, once: true };
    expect(await runReconcile(held.host, options)).toBe(4);
    expect(held.told.out).toContain("--accept-new-state");
    expect((await plan(commit())).out).toContain("no state yet");
    expect((await apply({ ...commit(), acceptNewState: true })).code).toBe(0);
    expect((await plan(commit())).err).not.toContain("STATE_REPLACED");
    await flush();
    expect(await runReconcile(listen().host, { ...options, acceptNewState: true })).toBe(0);
  });

  it("believe a state that this machine has never applied to, and keep servers apart", async () => {
    const other = await testRedis();
    try {
      await apply(commit());
      expect((await apply({ ...commit(), redis: other.url })).code).toBe(0);
      expect((await apply(commit())).code).toBe(0);
      await flush();
      const home = join(repository.folder, "elsewhere");
      const { config } = readConfig({ PATH: TEST_GIT.path, COUNTWHEEL_HOME: home });
      expect((await apply(commit(), { config })).code).toBe(0);
      // The first machine still knows the old lineage.
      expect((await apply(commit())).code).toBe(4);
      expect(await repository.git("status", "--porcelain")).toBe("");
    } finally {
      await other.stop();
    }
  });

  it("refuse to go on where the remembered lineage cannot be read", async () => {
    await apply(commit());
    const folder = join(repository.folder, ".countwheel", "lineages");
    const notes = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    for (const note of notes) await writeFile(join(folder, note), "{");
    await expect(apply(commit())).rejects.toMatchObject({ code: "LINEAGE_UNREADABLE" });
    expect((await apply({ ...commit(), acceptNewState: true })).code).toBe(0);
  });

  it("remember every apply", async () => {
    await apply(commit());
    const { host, told } = listen();
    expect(await runHistory(host, { ...common(), output: "json", limit: 5 })).toBe(0);
    expect(JSON.parse(told.out)).toMatchObject({ formatVersion: "1", items: [{ serial: 1 }] });
  });
});
