// What `countwheel.yaml` asks of a source, held by apply and reconcile alike: signatures, histories, overlays.
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type ApplyOptions, runApply } from "../../cli/commands/apply.ts";
import { type HistoryOptions, runHistory } from "../../cli/commands/history.ts";
import { type PlanOptions, runPlan } from "../../cli/commands/plan.ts";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { runResume } from "../../cli/commands/resume.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import type { ReconcileOptions } from "../../cli/reconcile/options.ts";
import { connectRedis } from "../../store/connect.ts";
import { readRetention } from "../../store/retention-rules.ts";
import { readState } from "../../store/state.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { describeWithSsh, type TestKeys, testKeys } from "../keys.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";

const model = (id: string): string =>
  `kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: ${id}}\n`;

describeWithRedis("a source", () =>
  describeWithSsh("under the settings of its environment", () => {
    let server: TestRedis;
    let keys: TestKeys;
    let ada: string;
    let repository: TestRepository;
    let env: string;
    beforeAll(async () => {
      [server, keys] = await Promise.all([testRedis(), testKeys()]);
      ada = await keys.ssh("ada");
      await keys.ssh("eve");
    });
    afterAll(async () => {
      await keys.remove();
      await server.stop();
    });
    beforeEach(async () => {
      env = `t-${randomUUID().slice(0, 8)}`;
      repository = await testRepository();
    });
    afterEach(() => repository.remove());

    const settings = (text: string): string => `environments:\n  ${env}:\n    ref: main\n    path: agents\n${text}`;

    async function run(
      command: "apply" | "history" | "plan" | "reconcile" | "resume",
      options: Partial<ApplyOptions & HistoryOptions & PlanOptions & ReconcileOptions> = {},
    ) {
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
        config: readConfig({ PATH: TEST_GIT.path }).config,
        signal: new AbortController().signal,
        now: () => new Date(),
        confirm: async () => false,
      };
      const common = { env, redis: server.url, output: "text", verbose: false, as: "Ada", ...options } as const;
      const code = await {
        apply: () => runApply(host, { yes: true, ...common, github: false }),
        history: () => runHistory(host, { limit: 9, ...common }),
        resume: () => runResume(host, { ...common, github: false }),
        plan: () => runPlan(host, { against: "state", detailedExitcode: true, ...common }),
        reconcile: () => runReconcile(host, { interval: 1_000, once: true, ...common }),
      }[command]();
      return { code, ...told };
    }

    async function modelInState(): Promise<unknown> {
      const redis = connectRedis(server.url, "command");
      const { records } = await readState(redis, env);
      redis.disconnect();
      return [...records.values()][0]?.manifest.spec["default_model"];
    }

    it("hold back what nobody signed who may, and let the signed commit through", async () => {
      const file = settings("    signatures: {mode: range, allowed_signers: signers}\n");
      await keys.commit(
        repository,
        { "countwheel.yaml": file, signers: `ada ${ada}\n`, "agents/m.yaml": model("one") },
        "ada",
      );
      expect((await run("apply")).code).toBe(0);
      const plain = await repository.commit({ "agents/m.yaml": model("two") });
      const held = await run("apply");
      expect(held.code).toBe(4);
      expect(held.err).toContain(
        `NOT_SIGNED: commit ${plain.slice(0, 12)} is not signed as this environment asks: it is not signed`,
      );
      expect((await run("plan")).err).toContain(`NOT_SIGNED: commit ${plain.slice(0, 12)}`);
      const looked = await run("reconcile");
      expect(looked.code).toBe(4);
      expect(looked.out).toContain("is not signed as this environment asks");
      await keys.commit(repository, { "agents/m.yaml": model("three"), signers: "" }, "eve");
      expect((await run("apply", { output: "json" })).code).toBe(4);
      expect(await modelInState()).toBe("one");
      await repository.git("reset", "--quiet", "--hard", "HEAD~2");
      await keys.commit(repository, { "agents/m.yaml": model("four") }, "ada");
      expect((await run("reconcile")).code).toBe(0);
      expect(await modelInState()).toBe("four");
    });

    it("say how long tasks are kept, to every runner", async () => {
      const redis = connectRedis(server.url, "command");
      const kept = () => readRetention(redis, env);
      await repository.commit({
        "countwheel.yaml": settings("    retention: {keep_for: 24h}\n"),
        "agents/m.yaml": model("one"),
      });
      expect((await run("reconcile")).code).toBe(0);
      expect(await kept()).toEqual({ keptMs: 86_400_000, keptFailedMs: 86_400_000, keptTasks: null });
      await repository.write({ "countwheel.yaml": settings("    retention: {keep_tasks: 7}\n") });
      expect((await run("apply")).code).toBe(0);
      expect(await kept()).toEqual({ keptMs: null, keptFailedMs: null, keptTasks: 7 });
      redis.disconnect();
    });

    it("refuse a working tree where signatures are asked for", async () => {
      const file = `environments:\n  ${env}:\n    signatures: {mode: head, allowed_signers: signers}\n`;
      await repository.write({ "countwheel.yaml": file, signers: `ada ${ada}\n`, "agents/m.yaml": model("one") });
      const { code, err } = await run("apply", { target: "agents" });
      expect(code).toBe(4);
      expect(err).toContain("a working tree carries no signature");
    });

    it.each([
      ["hold", 4, 0],
      ["block", 4, 4],
      ["allow", 0, 0],
    ])("take a rewritten branch as `history: %s` says", async (mode, without, withFlag) => {
      await repository.commit({ "countwheel.yaml": settings(`    history: ${mode}\n`), "agents/m.yaml": model("one") });
      const first = await repository.commit({ "agents/m.yaml": model("two") });
      expect((await run("apply")).code).toBe(0);
      await repository.git("reset", "--quiet", "--hard", "HEAD~1");
      const second = await repository.commit({ "agents/m.yaml": model("three") });
      const looked = await run("reconcile");
      expect(looked.code).toBe(without);
      if (without === 4) for (const sha of [first, second]) expect(looked.out).toContain(sha);
      expect((await run("apply", { allowHistory: ["forced"] })).code).toBe(withFlag);
      expect(await modelInState()).toBe(withFlag === 0 ? "three" : "two");
    });

    it("take a rewritten branch that somebody said `resume` to, these two commits and no others", async () => {
      await repository.commit({ "countwheel.yaml": settings(""), "agents/m.yaml": model("one") });
      const first = await repository.commit({ "agents/m.yaml": model("two") });
      expect((await run("apply")).code).toBe(0);
      const rewrite = async (id: string): Promise<string> => {
        await repository.git("reset", "--quiet", "--hard", "HEAD~1");
        return await repository.commit({ "agents/m.yaml": model(id) });
      };
      await rewrite("three");
      expect((await run("resume")).out).not.toContain("accepts");
      expect((await run("reconcile")).out).toContain("`countwheel resume` accepts these two");
      const second = await rewrite("four");
      expect((await run("resume", { as: "Bea" })).out).toContain("Bea accepts the rewritten branch");
      expect((await run("reconcile")).code).toBe(4);
      expect((await run("resume", { as: "Bea" })).out).toContain(`${second} may follow ${first}, once`);
      expect((await run("reconcile")).code).toBe(0);
      expect(await modelInState()).toBe("four");
      const shown = await run("history", { action: "show", serial: "2" });
      expect(shown.out).toContain("Bea accepted a rewritten branch (forced)");
      expect(shown.out).toContain(`${second} does not follow ${first}`);
      await rewrite("five");
      expect((await run("plan")).err).toContain("HISTORY_HELD: the branch has a rewritten history");
      expect((await run("apply")).code).toBe(4);
      expect((await run("resume")).out).toContain("accepts the rewritten branch");
      expect((await run("apply")).code).toBe(0);
    });

    it("lay overlays over the manifests, with the patch's line in the plan", async () => {
      await repository.commit({
        "countwheel.yaml": settings("    overlays: [agents/overlays/eu]\n"),
        "agents/m.yaml": model("one"),
        "agents/overlays/eu/m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec:\n  default_model: eu\n",
      });
      expect((await run("reconcile")).code).toBe(0);
      expect(await modelInState()).toBe("eu");
      await repository.commit({
        "agents/overlays/eu/m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec:\n  default_model: eu-2\n",
      });
      const { code, out } = await run("plan", { output: "json" });
      expect(code).toBe(2);
      expect(JSON.parse(out).changes).toMatchObject([
        { action: "update", fields: [{ after: "eu-2", source: { file: "agents/overlays/eu/m.yaml", line: 4 } }] },
      ]);
      await repository.commit({ "agents/overlays/eu/m.yaml": "kind: ModelEndpoint\nmetadata: {name: n}\nspec: {}\n" });
      expect((await run("apply")).code).toBe(3);
      expect(await modelInState()).toBe("eu");
    });
  }),
);
