// history, rollback, suspend and resume as commands, with a reconciler that applies by itself.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type ApplyOptions, runApply } from "../../cli/commands/apply.ts";
import { runGet } from "../../cli/commands/get.ts";
import { type HistoryOptions, runHistory } from "../../cli/commands/history.ts";
import { runPlan } from "../../cli/commands/plan.ts";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { runResume } from "../../cli/commands/resume.ts";
import { type RollbackOptions, runRollback } from "../../cli/commands/rollback.ts";
import { runSeal } from "../../cli/commands/seal.ts";
import { runSuspend, type SuspendOptions } from "../../cli/commands/suspend.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import type { Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { readState } from "../../store/state.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../redis.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const agent = (name: string, prompt = "p"): string =>
  `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: ${prompt}}\n`;
const secret = (value: string): string => `kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: ${value}}}\n`;

describeWithRedis("going back", () => {
  let server: TestRedis;
  let redis: Redis;
  let repository: TestRepository;
  let env: string;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    repository = await testRepository({
      "agents/m.yaml": MODEL,
      "agents/a.yaml": agent("a", "one"),
      "agents/s.yaml": secret("hunter2"),
    });
  });
  afterEach(() => repository.remove());

  interface Ran {
    readonly code: number;
    readonly out: string;
    readonly err: string;
  }
  async function ran(body: (host: Host) => Promise<number>, variables: Record<string, string> = {}): Promise<Ran> {
    const told = { out: "", err: "" };
    const output = (name: "out" | "err") => ({
      isTTY: false,
      columns: 120,
      write: (text: string) => void (told[name] += text),
    });
    const host: Host = {
      stdout: output("out"),
      stderr: output("err"),
      cwd: repository.folder,
      config: readConfig({ PATH: TEST_GIT.path, GITHUB_ACTOR: "ada", ...variables }).config,
      signal: new AbortController().signal,
      now: () => new Date(),
      confirm: async () => false,
    };
    return { code: await body(host), ...told };
  }
  const common = () => ({ env, redis: server.url, output: "text", verbose: false }) as const;
  const commit = () => ({ repo: repository.folder, ref: "main", path: "agents" });
  const apply = (flags: Partial<ApplyOptions> = {}) =>
    ran((host) => runApply(host, { ...common(), ...commit(), yes: true, ...flags }));
  const rollback = (to: string, flags: Partial<RollbackOptions> = {}) =>
    ran((host) => runRollback(host, { ...common(), yes: true, to, ...flags }));
  const reconcile = () => ran((host) => runReconcile(host, { ...common(), ...commit(), interval: 1_000, once: true }));
  const history = (flags: Partial<HistoryOptions> = {}) =>
    ran((host) => runHistory(host, { ...common(), limit: 20, ...flags }));
  const suspend = (flags: Partial<SuspendOptions> = {}) => ran((host) => runSuspend(host, { ...common(), ...flags }));
  const resume = (flags: Partial<SuspendOptions> = {}) => ran((host) => runResume(host, { ...common(), ...flags }));
  const plan = () =>
    ran((host) => runPlan(host, { ...common(), ...commit(), against: "state", detailedExitcode: true }));

  const specOf = async (address: string): Promise<unknown> =>
    [...(await readState(redis, env)).records.values()].find((record) => record.address === address)?.manifest.spec;

  /** Three applies: one; two with another prompt and without the secret; three with an agent more. */
  async function applyThree(): Promise<void> {
    expect((await apply()).code).toBe(0);
    await repository.commit({ "agents/a.yaml": agent("a", "two"), "agents/s.yaml": null });
    expect((await apply({ confirmPrunes: 1 })).code).toBe(0);
    await repository.commit({ "agents/b.yaml": agent("b") });
    expect((await reconcile()).code).toBe(0);
  }

  it("keeps who applied what, from where, with every record before and after", async () => {
    await applyThree();
    const listed = JSON.parse((await history({ output: "json" })).out) as { items: { facts: object }[] };
    expect(listed.items).toMatchObject([
      { serial: 3, facts: { person: null, changes: [{ address: "Agent/default/b", action: "create", before: null }] } },
      {
        serial: 2,
        facts: {
          person: "ada",
          counts: { update: 1, prune: 1 },
          changes: [
            { address: "Agent/default/a", action: "update", file: "agents/a.yaml", line: 1 },
            { address: "Secret/default/s", action: "prune", after: null, file: "agents/s.yaml" },
          ],
        },
      },
      { serial: 1, facts: { counts: { create: 3 } } },
    ]);
    expect((await history()).out).toMatch(/2 +\d+s +ada +[0-9a-f]{7} +\+0 ~1 -1/);
    const shown = await history({ action: "show", serial: "2" });
    expect(shown.out).toMatch(/Apply #2 .*\nby ada on /);
    expect(shown.out).toMatch(/~ Agent\/a +sha256:\S+ → sha256:\S+ +agents\/a\.yaml:1\n/);
    expect(shown.out).toMatch(/- Secret\/s +sha256:\S+ → nothing/);
    expect(shown.out).not.toContain("hunter2");
    expect(shown.out.endsWith("Plan: 0 to create, 1 to update, 0 to move, 1 to prune.\n")).toBe(true);
    expect((await history({ action: "show", serial: "9" })).code).toBe(1);
  });

  it("stands in the history under whoever was proven to want it, and not under who only says so", async () => {
    await applyThree();
    const by = { kind: "github", name: "ben", id: 7 } as const;
    expect((await rollback("2", { by, confirmPrunes: 1 })).code).toBe(0);
    const { items } = JSON.parse((await history({ output: "json" })).out) as { items: { facts: object }[] };
    expect(items[0]).toMatchObject({ serial: 4, facts: { person: "github:ben", rollbackOf: { serial: 2 } } });
    await expect(rollback("3", { as: "github:ben" })).rejects.toThrow("reads like an identity");
  });

  it("brings an apply back, secrets included, and is held there until the branch moves on", async () => {
    await applyThree();
    const back = await rollback("1", { confirmPrunes: 1 });
    expect(back).toMatchObject({ code: 0, out: expect.stringContaining("as #4") });
    expect(back.out).toContain("Plan: 1 to create, 1 to update, 0 to move, 1 to prune.");
    expect(back.out).not.toContain("hunter2");
    expect(back.err).toMatch(/leaves it like this until a commit on top of [0-9a-f]{7}, or countwheel resume/);
    expect(await specOf("Secret/default/s")).toMatchObject({ string_data: { value: "hunter2" } });
    expect(await specOf("Agent/default/a")).toMatchObject({ prompt: "one" });
    expect(await specOf("Agent/default/b")).toBeUndefined();
    const held = await reconcile();
    expect(held).toMatchObject({ code: 4, out: expect.stringMatching(/ada rolled back to #1 .* still stands at/) });
    expect((await history()).out).toContain("rollback to #1");
    await repository.commit({ "agents/c.yaml": agent("c") });
    const moved = await reconcile();
    expect(moved).toMatchObject({ code: 0, out: expect.stringContaining("applied as #5") });
    expect(await specOf("Agent/default/c")).toBeDefined();
  });

  it("goes on after `resume`, and takes a commit for the apply that made it", async () => {
    await applyThree();
    const second = await repository.git("rev-parse", "HEAD^");
    expect((await rollback(second.slice(0, 10), { confirmPrunes: 1 })).code).toBe(0);
    expect((await reconcile()).code).toBe(4);
    expect((await resume()).out).toContain("goes on");
    expect(await reconcile()).toMatchObject({ code: 0, out: expect.stringContaining("applied as #5") });
    expect((await rollback("99")).err).toContain("the history holds #1 to #5");
    expect((await rollback("5")).err).toContain("Next:");
  });

  it("stops before the prunes of a rollback that nobody confirmed in number", async () => {
    await applyThree();
    expect(await rollback("1", { confirmPrunes: 7 })).toMatchObject({ code: 4 });
    expect((await history({ output: "json" })).out).not.toContain('"serial": 4');
  });

  it("says which commit to plan where the manifests of an apply were collected", async () => {
    await applyThree();
    await redis.del(environmentKeys(env).archive);
    const first = await repository.git("rev-parse", "HEAD^^");
    expect(await rollback("1")).toMatchObject({
      code: 1,
      err: expect.stringMatching(new RegExp(`ROLLBACK_NOT_KEPT.*countwheel plan --repo .* --ref ${first}`)),
    });
  });

  it("is heard by a running reconciler at once when somebody suspends or resumes", async () => {
    const [listener, heard] = [redis.duplicate(), [] as string[]];
    listener.on("message", (channel: string) => void heard.push(channel));
    await listener.subscribe(environmentKeys(env).looks);
    await suspend({});
    await vi.waitFor(() => expect(heard).toHaveLength(1), 10_000);
    await resume({});
    await vi.waitFor(() => expect(heard).toHaveLength(2), 10_000);
    listener.disconnect();
  });

  it("leaves a suspended environment alone from that moment, and tells everybody", async () => {
    await apply();
    expect((await suspend({ reason: "the model is down" })).out).toMatch(
      /suspended by ada since .*: the model is down/,
    );
    await repository.commit({ "agents/b.yaml": agent("b") });
    expect(await reconcile()).toMatchObject({
      code: 4,
      out: expect.stringMatching(/suspended by ada since .*: the model is down/),
    });
    expect((await plan()).err).toContain("suspended by ada");
    expect(await specOf("Agent/default/b")).toBeUndefined();
    await resume();
    expect((await reconcile()).code).toBe(0);
  });

  it("blocks the changes of a suspended resource, and lets the rest proceed", async () => {
    await apply();
    expect((await suspend({ kind: "agent", name: "a" })).code).toBe(0);
    await repository.commit({ "agents/a.yaml": agent("a", "two"), "agents/b.yaml": agent("b") });
    const got = await ran((host) => runGet(host, { ...common(), kind: "agents", watch: false }));
    expect(got.err).toContain("Agent/default/a is suspended by ada");
    expect((await plan()).out).toMatch(/! Agent\/a +blocked: suspended by ada/);
    await reconcile();
    expect(await specOf("Agent/default/a")).toMatchObject({ prompt: "one" });
    expect(await specOf("Agent/default/b")).toBeDefined();
    expect((await history({ action: "show", serial: "2" })).out).toMatch(/! Agent\/a +blocked: SUSPENDED/);
    expect((await resume({ kind: "Agent/a" })).out).toContain("goes on");
    await reconcile();
    expect(await specOf("Agent/default/a")).toMatchObject({ prompt: "two" });
    await expect(suspend({ kind: "agent", name: "aa" })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("holds a frozen environment for everybody who does not say why", async () => {
    const always = '{cron: "0 0 * * *", duration: 24h, reason: the year ends}';
    await writeFile(
      join(repository.folder, "countwheel.yaml"),
      `environments: {${env}: {freeze: [${always}], prunes: {max_count: 100, max_percent: 100}}}\n`,
    );
    expect(await apply()).toMatchObject({ code: 4, err: expect.stringMatching(/ENVIRONMENT_FROZEN.*the year ends/) });
    expect((await reconcile()).out).toContain("the year ends");
    expect(await plan()).toMatchObject({ code: 2, err: expect.stringMatching(/ENVIRONMENT_FROZEN.*the year ends/) });
    expect((await apply({ overrideFreeze: "the fix cannot wait" })).code).toBe(0);
    expect((await history()).out).toContain("in a freeze: the fix cannot wait");
    await repository.commit({ "agents/a.yaml": agent("a", "two") });
    await apply({ overrideFreeze: "again" });
    expect((await rollback("1")).code).toBe(4);
    expect((await rollback("1", { overrideFreeze: "it is worse" })).code).toBe(0);
  });

  it("seals what is there once, and then refuses what nobody sealed", async () => {
    const key = { COUNTWHEEL_STATE_KEY: "k".repeat(32) };
    await apply();
    const sealed = (body: (host: Host) => Promise<number>) => ran(body, key);
    await expect(sealed((host) => runApply(host, { ...common(), ...commit(), yes: true }))).rejects.toMatchObject({
      code: "STATE_UNSEALED",
    });
    expect(await sealed((host) => runSeal(host, { ...common(), yes: true }))).toMatchObject({
      code: 0,
      out: expect.stringContaining("Sealed 3 records"),
    });
    expect((await sealed((host) => runHistory(host, { ...common(), limit: 5 }))).code).toBe(0);
    await expect(apply()).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    await repository.commit({ "agents/b.yaml": agent("b") });
    const again = await sealed((host) => runApply(host, { ...common(), ...commit(), yes: true }));
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining("as #2") });
    const unsealed = await sealed((host) => runRollback(host, { ...common(), yes: true, to: "1" }));
    expect(unsealed).toMatchObject({ code: 1, err: expect.stringContaining("before the state was sealed") });
  });
});
