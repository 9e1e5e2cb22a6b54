// Guards, the breaker, isolation and countwheel.yaml as people and scripts meet them: words and exit codes.
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type ApplyOptions, runApply } from "../../cli/commands/apply.ts";
import { runPlan } from "../../cli/commands/plan.ts";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { type Plan, planDigest } from "../../contracts/plan.ts";
import { type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { listenIn } from "./manifests.ts";

const memory = (name: string, guard = ""): string =>
  `kind: Memory\nmetadata: {name: ${name}${guard === "" ? "" : `, annotations: {${guard}: "true"}`}}\nspec: {}\n`;
const NAMES = ["a", "b", "c", "d", "e", "f", "g"] as const;
const set = (names: readonly string[], guarded = "") =>
  Object.fromEntries(
    names.map((name) => [`agents/${name}.yaml`, memory(name, name === guarded ? "countwheel.dev/prevent-prune" : "")]),
  );

describeWithRedis("an environment that nobody can hurt by mistake", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let env: string;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    repository = await testRepository(set(NAMES, "g"));
  });
  afterEach(() => repository.remove());

  async function listen() {
    const { host, told, remove } = await listenIn();
    await remove();
    return { host: { ...host, cwd: repository.folder }, told };
  }
  const common = (output: "text" | "json" = "text") => ({ env, redis: server.url, output, verbose: false }) as const;
  async function apply(flags: Partial<ApplyOptions> = {}) {
    const { host, told } = await listen();
    const target = flags.repo === undefined && flags.config === undefined ? { target: "agents" } : {};
    return { code: await runApply(host, { ...common(), yes: true, ...target, ...flags }), ...told };
  }
  async function plan(flags: object = {}): Promise<{ code: number; plan: Plan; err: string }> {
    const { host, told } = await listen();
    const options = { ...common("json"), against: "state", detailedExitcode: false, folder: "agents", ...flags };
    const code = await runPlan(host, options);
    return { code, plan: JSON.parse(told.out), err: told.err };
  }
  async function reconcile(flags: object = {}) {
    const { host, told } = await listen();
    const source = { repo: repository.folder, ref: "main", path: "agents", interval: 1_000, once: true };
    return { code: await runReconcile(host, { ...common(), ...source, ...flags }), ...told };
  }
  const keep = async (names: readonly string[]) => {
    const gone = NAMES.filter((name) => !names.includes(name));
    await repository.commit(Object.fromEntries(gone.map((name) => [`agents/${name}.yaml`, null])));
  };

  it("carries out the rest around a guarded record, names it and exits 4", async () => {
    await apply();
    await keep(["a", "b", "c", "d", "e"]);
    const { plan: made } = await plan();
    expect(made.counts).toMatchObject({ prune: 1, blocked: 1 });
    expect(await apply()).toMatchObject({ code: 4, err: expect.stringMatching(/PREVENT_PRUNE: Memory\/g was left/) });
    expect((await plan()).plan.counts).toMatchObject({ prune: 0, blocked: 1, noop: 5 });
    expect(await apply()).toMatchObject({ code: 4, err: expect.stringContaining("PLAN_BLOCKED") });
  });

  it("prunes one of seven without a question, and three of seven only with the exact number", async () => {
    await repository.remove();
    repository = await testRepository(set(NAMES));
    await apply();
    await keep(["a", "b", "c", "d", "e", "f"]);
    expect((await apply()).code).toBe(0);
    await keep(["a", "b", "c"]);
    const planned = await plan();
    expect(planned.plan.confirm).toMatchObject({ prunes: 3 });
    expect(planned.err).toContain("--confirm-prunes 3");
    expect(await apply()).toMatchObject({ code: 4, err: expect.stringContaining("--confirm-prunes 3") });
    expect(await apply({ confirmPrunes: 2 })).toMatchObject({ code: 4 });
    expect(await reconcile()).toMatchObject({ code: 4, out: expect.stringMatching(/held.*--confirm-prunes 3/) });
    expect((await plan()).plan.counts.prune).toBe(3);
    expect(await reconcile({ confirmPrunes: 3 })).toMatchObject({ code: 0, out: expect.stringContaining("applied") });
  });

  it("believes no saved plan about its prunes", async () => {
    await repository.remove();
    repository = await testRepository(set(NAMES));
    await apply();
    await keep(["a", "b", "c"]);
    const { digest: _digest, ...body } = { ...(await plan()).plan, confirm: null };
    const file = join(repository.folder, "plan.json");
    await writeFile(file, JSON.stringify({ ...body, digest: planDigest(body) }));
    expect(await apply({ target: file })).toMatchObject({
      code: 4,
      err: expect.stringContaining("--confirm-prunes 4"),
    });
  });

  it("takes source and limits from countwheel.yaml, and shows what is wrong in it with exit 3", async () => {
    const settings = join(repository.folder, "countwheel.yaml");
    await writeFile(settings, `environments: {${env}: {ref: main, path: agents, prunes: {max_count: 0}}}\n`);
    const { host, told } = await listen();
    expect(await runApply(host, { ...common(), yes: true })).toBe(0);
    expect(told.out).toContain("7 to create");
    await keep(["a", "b", "c", "d", "e", "g"]);
    const refused = await plan({ folder: undefined });
    expect(refused.plan).toMatchObject({ source: { ref: "refs/heads/main", path: "agents" }, confirm: { prunes: 1 } });
    await writeFile(settings, `environments: {${env}: {prunse: {max_count: 0}}}\n`);
    const { host: other, told: heard } = await listen();
    expect(await runApply(other, { ...common(), yes: true })).toBe(3);
    expect(heard.err).toMatch(/countwheel.yaml:1:\d+: UNKNOWN_FIELD: .*Did you mean `prunes`/s);
  });

  it("takes no settings from the commit that is planned", async () => {
    const loose = `environments: {${env}: {prunes: {max_count: 99, max_percent: 100, allow_empty: true}}}\n`;
    await repository.commit({ "countwheel.yaml": loose });
    await apply({ repo: repository.folder, ref: "main", path: "agents" });
    await keep(["a", "g"]);
    const empty = await testRepository({ "README.md": "nothing here" });
    const { host, told } = await listen();
    const from = { repo: repository.folder, ref: "main", path: "agents" };
    expect(await runApply({ ...host, cwd: empty.folder }, { ...common(), yes: true, ...from })).toBe(4);
    expect(told.err).toContain("PRUNES_NOT_CONFIRMED");
    await empty.remove();
  });

  it("applies what is valid where the environment isolates, and exits 4", async () => {
    const settings = join(repository.folder, "countwheel.yaml");
    await writeFile(settings, `environments: {${env}: {isolate: true}}\n`);
    await repository.commit({
      "agents/h.yaml": "kind: Memory\nmetadata: {}\nspec: {}\n",
      "agents/a.yaml": null,
    });
    expect(await apply()).toMatchObject({ code: 4, err: expect.stringContaining("Broken manifests were left out") });
    expect((await plan()).plan.counts).toMatchObject({ noop: 6, invalid: 1 });
    expect(await apply()).toMatchObject({ code: 3 });
  });
});
