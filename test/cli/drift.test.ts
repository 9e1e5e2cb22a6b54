// `drift` as a command: its answers as text and JSON, its exit codes, and its patches in git's own hands.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeEach, expect, it } from "vitest";
import type { Address } from "../../contracts/address.ts";
import type { DriftReport } from "../../contracts/drift.ts";
import type { Redis } from "../../store/connect.ts";
import { readState } from "../../store/state.ts";
import { removeRecord, smuggle, tamper } from "../reconciler/drift/world.ts";
import { manifest } from "../reconciler/plan/builders.ts";
import { describeWithRedis, type TestRedis, withRedis } from "../redis.ts";
import { commandRoom, type Ran, type Room } from "./command.ts";

const run = promisify(execFile);
const FILES = {
  "agents/m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n",
  "agents/a.yaml": "# who answers\nkind: Agent\nmetadata:\n  name: a\nspec:\n  modelRef: m\n  prompt: p # short\n",
  "agents/b.yaml": "kind: Agent\nmetadata: {name: b}\nspec: {model_ref: m, prompt: p}\n",
  "agents/s.yaml": "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: hunter2}}\n",
};
const A = "Agent/default/a" as Address;
const B = "Agent/default/b" as Address;
const S = "Secret/default/s" as Address;

describeWithRedis("drift", () => {
  let server: TestRedis;
  let redis: Redis;
  let room: Room;
  let env: string;
  withRedis((opened, on) => {
    [redis, server] = [opened, on];
  });
  beforeEach(() => {
    env = `t-${randomUUID().slice(0, 8)}`;
    room = commandRoom({ COUNTWHEEL_REDIS_URL: server.url, COUNTWHEEL_ENV: env });
    room.write(FILES);
    return () => room.remove();
  });

  const drift = (...words: string[]): Promise<Ran> => room.run("drift", "agents", "--offline", ...words);
  async function applied(): Promise<void> {
    expect(await room.run("apply", "agents", "--yes")).toMatchObject({ code: 0 });
  }

  it("exits 0 without drift and 2 with it, and its patches, once applied, leave none", async () => {
    await applied();
    expect(await drift()).toMatchObject({ code: 0, stdout: expect.stringMatching(/\n\nNo drift\.\n$/) });
    await tamper(redis, env, A, (spec) => ({ ...spec, prompt: "tuned by hand" }));
    await removeRecord(redis, env, B);
    await smuggle(redis, env, manifest("Agent", "spy", { model_ref: "m" }));
    const told = await drift("-o", "json");
    expect(told.code).toBe(2);
    const report = JSON.parse(told.stdout) as DriftReport;
    expect(report).toMatchObject({ formatVersion: "1", env, counts: { record: 3, world: 0, undeclared: 0 } });
    for (const [index, { drift: facts }] of report.items.entries()) {
      const patch = join(room.folder, `${index}.diff`);
      await writeFile(patch, facts.offers?.adopt ?? "");
      await run("git", ["apply", patch], {
        cwd: join(room.folder, "agents"),
        env: { PATH: process.env["PATH"] ?? "" },
      });
    }
    expect(await readFile(join(room.folder, "agents/a.yaml"), "utf8")).toBe(
      FILES["agents/a.yaml"].replace("prompt: p", "prompt: tuned by hand"),
    );
    expect((await drift()).code).toBe(0);
  });

  it("says in text what to paste, never a secret, and the plan tells it apart", async () => {
    await applied();
    await tamper(redis, env, A, (spec) => ({ ...spec, prompt: "tuned" }));
    await tamper(redis, env, S, () => ({ string_data: { value: "hunter3" } }));
    const told = await drift();
    expect(told.code).toBe(2);
    expect(told.stdout.replaceAll(env, "ENV")).toBe(`Environment ENV · state serial 1

Records that changed under us
  ~ Agent/a   1 field is not what was applied   agents/a.yaml:2
      spec.prompt   p → tuned   :7
      revert  countwheel apply agents --env ENV
      adopt   git apply, from the repository's root:
--- a/a.yaml
+++ b/a.yaml
@@ -4,4 +4,4 @@
   name: a
 spec:
   modelRef: m
-  prompt: p # short
+  prompt: tuned # short
      ignore  in countwheel.yaml:
environments:
  ENV:
    drift:
      ignore:
        - kind: Agent
          name: a
          pointers:
            - /spec/prompt
  ~ Secret/s   1 field is not what was applied   agents/s.yaml:1
      spec.string_data.value   (sensitive) changed   :3
      revert  countwheel apply agents --env ENV
      adopt: no patch is shown, because the file holds secret values: edit it by hand
      ignore  in countwheel.yaml:
environments:
  ENV:
    drift:
      ignore:
        - kind: Secret
          name: s
          pointers:
            - /spec/string_data/value

Drift: 2 of records, 0 of the world, 0 undeclared.
`);
    expect(told.stderr).toContain(`Next: countwheel apply agents --env ${env}`);
    const planned = await room.run("plan", "agents");
    expect(planned.stdout).toMatch(
      /\nDrift {3}2 resources are not as they were applied; see: countwheel drift --env \S+\n {2}≠ Agent\/a/,
    );
    expect(told.stdout + told.stderr + planned.stdout).not.toMatch(/hunter/);
  });

  it("leaves alone what the lines for countwheel.yaml ignore, as an apply does", async () => {
    await applied();
    await tamper(redis, env, A, (spec) => ({ ...spec, prompt: "tuned" }));
    const report = JSON.parse((await drift("-o", "json")).stdout) as DriftReport;
    room.write({
      "countwheel.yaml": report.items[0]?.drift.offers?.ignore ?? "",
      "agents/a.yaml": `${FILES["agents/a.yaml"]}  limits: {maxSteps: 3}\n`,
    });
    expect(await drift()).toMatchObject({ code: 0 });
    expect(await room.run("plan", "agents", "--out", "plan.json")).toMatchObject({ code: 0 });
    expect(await room.run("apply", "plan.json", "--yes")).toMatchObject({ code: 0 });
    const record = (await readState(redis, env)).records.get(A);
    expect(record?.manifest.spec).toEqual({ model_ref: "m", prompt: "tuned", limits: { max_steps: 3 } });
  });

  it("exits 1 where the source cannot be read, and 64 for wrong words", async () => {
    expect(await room.run("drift", "nowhere", "-o", "json")).toMatchObject({ code: 1 });
    expect(await room.run("drift", "--path", "agents")).toMatchObject({ code: 64 });
  });
});
