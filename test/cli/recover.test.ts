// rebuild, export and import as commands: what they print, and their exit codes.
import { randomUUID } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runApply } from "../../cli/commands/apply.ts";
import { runAuditVerify } from "../../cli/commands/audit.ts";
import { runAuditExport } from "../../cli/commands/audit-export.ts";
import { runExport } from "../../cli/commands/export.ts";
import { runHistory } from "../../cli/commands/history.ts";
import { runImport } from "../../cli/commands/import.ts";
import { runPlan } from "../../cli/commands/plan.ts";
import { runRebuild } from "../../cli/commands/rebuild.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { connectRedis } from "../../store/connect.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const SYSTEM = "kind: AgentSystem\nmetadata: {name: sys}\nspec: {agents: [a]}\n";
const TASK = "kind: Task\nmetadata: {name: t}\nspec: {system: sys}\n";
const agent = (prompt: string): string => `kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m, prompt: ${prompt}}\n`;
const SECRET = "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: CANARY}}\n";

describeWithRedis("after the loss of a Redis", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let env: string;
  let first: string;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    repository = await testRepository();
    first = await repository.commit({
      "agents/m.yaml": MODEL,
      "agents/a.yaml": agent("one"),
      "agents/s.yaml": `${SYSTEM}---\n${TASK}`,
      "agents/secret.yaml": SECRET,
    });
  });
  afterEach(() => repository.remove());

  function listen() {
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
    return { host, told };
  }

  type Run<O> = (host: Host, options: O) => Promise<number>;
  async function run<O extends object>(command: Run<O>, options: Partial<O> = {}) {
    const { host, told } = listen();
    const common = { env, redis: server.url, output: "text", verbose: false, as: "Ada" } as const;
    const code = await command(host, { ...common, ...options } as unknown as O);
    return { code, ...told };
  }
  const source = { repo: ".", ref: "main", path: "agents" };
  const apply = () => run(runApply, { ...source, yes: true });
  const plan = (ref = "main") => run(runPlan, { ...source, ref, against: "state", detailedExitcode: true });

  async function loseEverything(): Promise<void> {
    const redis = connectRedis(server.url, "command");
    await redis.flushall();
    redis.disconnect();
  }

  async function auditKinds(): Promise<readonly AuditEntry[]> {
    const redis = connectRedis(server.url, "command");
    const entries: AuditEntry[] = [];
    for await (const entry of readAuditLog(redis, env)) entries.push(entry);
    redis.disconnect();
    return entries;
  }

  it("import and rebuild stand in the audit log, which an export carries and verifies", async () => {
    await apply();
    await run(runExport, { file: "state.jsonl", withSecrets: true });
    await loseEverything();
    await run(runImport, { file: "state.jsonl" });
    expect((await run(runImport, { file: "state.jsonl" })).code).toBe(4);
    await run(runAuditExport, { file: "audit.jsonl" });
    const by = expect.stringMatching(/^local:./);
    const file = expect.stringMatching(/^sha256:/);
    expect(await auditKinds()).toMatchObject([
      { kind: "state.imported", from: env, serial: 1, commit: first, records: 5, applies: 1, file, by },
      { kind: "applied", serial: 1 },
    ]);
    expect((await run(runAuditVerify, { what: "audit.jsonl" })).code).toBe(0);
    await loseEverything();
    await run(runRebuild, { ...source, commit: first });
    expect(await auditKinds()).toMatchObject([
      { kind: "applied", serial: 1 },
      { kind: "state.rebuilt", serial: 1, commit: first, person: "Ada" },
    ]);
    await run(runAuditExport, { file: "again.jsonl" });
    expect((await run(runAuditVerify, { what: "again.jsonl" })).code).toBe(0);
    expect((await run(runHistory, { limit: 5 })).out).toContain("rebuilt from Git");
  });

  it("rebuild takes the commit that this machine remembers, although the branch has moved on", async () => {
    expect((await apply()).code).toBe(0);
    await repository.commit({ "agents/a.yaml": agent("two") });
    await loseEverything();
    expect((await apply()).code).toBe(4);
    const { code, out, err } = await run(runRebuild, source);
    expect(code).toBe(0);
    expect(out).toContain(`Rebuilt 5 records of ${first} as serial 1.`);
    expect(out).toContain("Task/default/t counts as run and is not run again");
    expect(out).toContain("generations");
    expect(err).toContain("Next: countwheel plan --repo");
    expect((await plan(first)).code).toBe(0);
    expect((await plan()).code).toBe(2);
    const applied = await apply();
    expect(applied.code).toBe(0);
    expect(applied.out).not.toContain("countwheel trace t");
  });

  it("rebuild takes the commit that it is told, and nothing over a state that is there", async () => {
    await expect(run(runRebuild, source)).rejects.toMatchObject({ code: "USAGE" });
    const told = await run(runRebuild, { ...source, commit: first, output: "json" });
    expect(JSON.parse(told.out)).toMatchObject({ commit: first, records: 5, tasksNotRunAgain: ["Task/default/t"] });
    const again = await run(runRebuild, { ...source, commit: first });
    expect(again.code).toBe(4);
    expect(again.err).toContain("STATE_EXISTS");
  });

  it("rebuild changes nothing where the commit is gone or its manifests have errors", async () => {
    expect((await run(runRebuild, { ...source, commit: "0".repeat(40) })).code).toBe(1);
    const broken = await repository.commit({
      "agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: gone}\n",
    });
    const refused = await run(runRebuild, { ...source, commit: broken });
    expect(refused).toMatchObject({ code: 3, err: expect.stringContaining("--commit") });
    expect((await run(runExport)).code).toBe(1);
  });

  it("rebuild restores what is valid where the environment isolates, and names what it could not know", async () => {
    const broken = { "agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: gone}\n" };
    const commit = await repository.commit(broken);
    await repository.write({ "countwheel.yaml": `environments:\n  ${env}:\n    isolate: true\n` });
    const { code, out, err } = await run(runRebuild, { ...source, commit });
    expect([code, out]).toEqual([0, expect.stringMatching(/Rebuilt 2 records of/)]);
    expect(out).toContain("before their manifests broke, or needed one that did: Agent/a, AgentSystem/sys, Task/t");
    expect(err).toContain(`--env ${env}`);
  });

  it("export and import bring it back, and only into an empty environment", async () => {
    await apply();
    const written = await run(runExport, { file: "state.jsonl", withSecrets: true });
    expect(written).toMatchObject({ code: 0, out: "" });
    expect((await stat(join(repository.folder, "state.jsonl"))).mode & 0o777).toBe(0o600);
    expect((await run(runImport, { file: "state.jsonl" })).code).toBe(4);
    await loseEverything();
    const { code, out } = await run(runImport, { file: "state.jsonl" });
    expect({ code, out }).toMatchObject({
      code: 0,
      out: expect.stringContaining(`Imported 5 records and 1 applies of environment ${env}`),
    });
    expect((await plan(first)).code).toBe(0);
    expect((await apply()).code).toBe(0);
  });

  it("export names what it leaves out, on stdout nothing but lines", async () => {
    await apply();
    const { out, err } = await run(runExport, { withSecrets: false });
    expect(out).not.toContain("CANARY");
    expect(err).toContain("left out: Secret/default/s, because it holds secrets");
    for (const line of out.trimEnd().split("\n")) expect(JSON.parse(line)).toHaveProperty("digest");
  });

  it("import refuses a file that was touched, with its line, and one that is not there", async () => {
    await apply();
    await run(runExport, { file: "state.jsonl", withSecrets: true });
    const file = join(repository.folder, "state.jsonl");
    await writeFile(file, (await readFile(file, "utf8")).replace("CANARY", "EVIL"));
    await loseEverything();
    const { code, err } = await run(runImport, { file: "state.jsonl" });
    expect(code).toBe(1);
    expect(err).toMatch(/EXPORT_CORRUPT: state\.jsonl:\d+ cannot be believed: it does not match its digest/);
    await expect(run(runImport, { file: "gone.jsonl" })).rejects.toMatchObject({ code: "FILE_UNREADABLE" });
  });
});
