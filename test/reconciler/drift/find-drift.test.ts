// Drift three ways, over a real Redis: records that changed under us, the world behind them, records nobody declares.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { renderDrift } from "../../../cli/view/drift.ts";
import type { Address } from "../../../contracts/address.ts";
import type { DriftChange, DriftReport } from "../../../contracts/drift.ts";
import type { IgnoreRule } from "../../../contracts/environment.ts";
import { launchDigest } from "../../../contracts/mcp-launch.ts";
import type { StateRecord } from "../../../contracts/record.ts";
import { toolTextDigest } from "../../../contracts/tool-difference.ts";
import { readDriftedTools } from "../../../reconciler/drift/drifted-tools.ts";
import { lookForDrift, worldProbes } from "../../../reconciler/drift/look.ts";
import { endpointsProbe, type FindHost, type HostAnswer } from "../../../reconciler/drift/probes/endpoints.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { driftPart, renderDriftText } from "../../../reconciler/plan/drift-part.ts";
import { checkPlanShape } from "../../../reconciler/plan/plan-shape.ts";
import { renderDriftIssue } from "../../../reconciler/report/drift/drift-text.ts";
import { environmentKeys } from "../../../store/keys.ts";
import { announceRunner, forgetRunner } from "../../../store/runners.ts";
import { compareRecords } from "../../../store/scripts/compare-records.ts";
import { compareInventory, readInventory } from "../../../store/scripts/read-inventory.ts";
import { forgetMissingSecret, tellMissingSecret, tellTools } from "../../../store/sightings.ts";
import { readState } from "../../../store/state.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, plan, source } from "../plan/builders.ts";
import { removeRecord, smuggle, tamper } from "./world.ts";

const MODEL = manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" });
const A = manifest("Agent", "a", { model_ref: "m", prompt: "p" });
const B = manifest("Agent", "b", { model_ref: "m", prompt: "p" });
const SECRET = manifest("Secret", "s", { string_data: { value: "hunter2" } });
const SET = [A, B, MODEL, SECRET];

const short = ({ items }: DriftReport): unknown =>
  items.map(({ address, action, fields, drift }: DriftChange) => [
    address,
    action,
    drift.code,
    fields.map(({ path }) => path),
  ]);

const answering =
  (answers: Readonly<Record<string, HostAnswer>>): FindHost =>
  async (host) =>
    answers[host] ?? "unknown";

describeWithRedis("drift", () => {
  let server: TestRedis;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    world = openWorld(server.url);
    return () => world.close();
  });

  interface Words {
    readonly ignore?: readonly IgnoreRule[];
    readonly findHost?: FindHost;
  }

  async function look(set: readonly LoadedManifest[], { ignore = [], findHost }: Words = {}): Promise<DriftReport> {
    const { redis, env } = world;
    const read = source(set);
    const { report } = await lookForDrift(
      {
        redis,
        env,
        ignore,
        probes: worldProbes(redis, env, findHost ?? null),
        plan: async (observed) => plan({ source: read, observed, env }),
        signal: new AbortController().signal,
      },
      read,
    );
    return report;
  }

  it("is none after an apply, whoever reads, and none where there is no state", async () => {
    expect(short(await look(SET))).toEqual([]);
    await world.apply(SET);
    expect(await look(SET)).toMatchObject({ items: [], unknown: [], counts: { record: 0, world: 0, undeclared: 0 } });
  });

  it("compares what was read beside the records as Redis does, and nothing where an apply came in between", async () => {
    const compared = async () => {
      const { redis, env } = world;
      const inventory = await readInventory(redis, env);
      return compareInventory(env, inventory, await readState(redis, env));
    };
    expect(await compared()).toEqual(await compareRecords(world.redis, world.env));
    await world.apply(SET);
    const inventory = await readInventory(world.redis, world.env);
    expect((await compared())?.differences).toEqual([]);
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "evil" }));
    await smuggle(world.redis, world.env, manifest("Agent", "spy", { model_ref: "m" }));
    await removeRecord(world.redis, world.env, B.address);
    const found = await compared();
    expect(found?.differences).toHaveLength(3);
    expect(found).toEqual(await compareRecords(world.redis, world.env));
    await world.apply(SET);
    expect(compareInventory(world.env, inventory, await readState(world.redis, world.env))).toBeUndefined();
  });

  it("tells a record that was removed where all others are as they were", async () => {
    await world.apply(SET);
    await removeRecord(world.redis, world.env, B.address);
    expect(short(await look(SET))).toEqual([[B.address, "prune", "RECORD_REMOVED", []]]);
  });

  it("tells records that were changed, added and removed behind the applies, and never a secret", async () => {
    await world.apply(SET);
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "evil", tools: ["shell"] }));
    await tamper(world.redis, world.env, SECRET.address, () => ({ string_data: { value: "hunter3" } }));
    await smuggle(world.redis, world.env, manifest("Agent", "spy", { model_ref: "m" }));
    await removeRecord(world.redis, world.env, B.address);
    const report = await look(SET);
    expect(short(report)).toEqual([
      [A.address, "update", "RECORD_CHANGED", ["/spec/prompt", "/spec/tools"]],
      [B.address, "prune", "RECORD_REMOVED", []],
      ["Agent/default/spy", "create", "RECORD_ADDED", []],
      [SECRET.address, "update", "RECORD_CHANGED", ["/spec/string_data/value"]],
    ]);
    expect(report.items[0]?.fields[0]).toMatchObject({ before: "p", after: "evil", source: { file: "a.yaml" } });
    expect(JSON.stringify(report)).not.toMatch(/hunter/);
    await world.apply(SET);
    expect(short(await look(SET))).toEqual([]);
  });

  it("is adopted by declaring what is there, without an apply", async () => {
    await world.apply(SET);
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "better" }));
    const adopted = manifest("Agent", "a", { model_ref: "m", prompt: "better" });
    expect(short(await look([adopted, B, MODEL, SECRET]))).toEqual([]);
    const other = manifest("Agent", "a", { model_ref: "m", prompt: "next" });
    const moved = await look([other, B, MODEL, SECRET]);
    expect(short(moved)).toEqual([[A.address, "update", "RECORD_CHANGED", []]]);
    expect(moved.items[0]?.reason).toContain("has changed since");
  });

  it("leaves out what rules ignore, and tells the rest of the same record", async () => {
    await world.apply(SET);
    const ignore = [{ kind: "Agent" as const, name: "a", pointers: ["/spec/prompt"] }];
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, prompt: "tuned" }));
    expect(short(await look(SET, { ignore }))).toEqual([]);
    await tamper(world.redis, world.env, A.address, (spec) => ({ ...spec, model_ref: "x" }));
    expect(short(await look(SET, { ignore }))).toEqual([[A.address, "update", "RECORD_CHANGED", ["/spec/model_ref"]]]);
  });

  it("does not guess where the last apply kept no inventory, and knows again after the next one", async () => {
    await world.apply(SET);
    await world.redis.del(environmentKeys(world.env).inventory);
    await smuggle(world.redis, world.env, manifest("Agent", "spy", { model_ref: "m" }));
    const report = await look([...SET, manifest("Agent", "spy", { model_ref: "m" })]);
    expect(report).toMatchObject({ items: [], unknown: [expect.stringContaining("no inventory")] });
    await world.apply(SET);
    await removeRecord(world.redis, world.env, A.address);
    expect(short(await look(SET))).toEqual([[A.address, "prune", "RECORD_REMOVED", []]]);
  });

  it("compares pins with what runners saw of the server as it is declared now", async () => {
    const spec = {
      transport: "stdio" as const,
      command: "files",
      pins: { read: "1".repeat(64), gone: "2".repeat(64), same: "3".repeat(64) },
    };
    const files = manifest("McpServer", "files", spec);
    await world.apply([files]);
    expect(await look([files])).toMatchObject({
      items: [],
      unknown: [expect.stringContaining("no runner has opened")],
    });
    const tools = { read: `sha256:${"4".repeat(64)}`, same: `sha256:${"3".repeat(64)}` };
    const told = { namespace: "default", server: "files", tools, runner: "r1", at: "2026-11-01T12:00:00Z" };
    const seen = { ...told, texts: {}, pins: [] };
    await tellTools(world.redis, world.env, { ...seen, launch: launchDigest(spec) });
    expect(short(await look([files]))).toEqual([
      [files.address, "update", "TOOL_DRIFTED", ["/spec/pins/read"]],
      [files.address, "update", "TOOL_GONE", ["/spec/pins/gone"]],
    ]);
    await tellTools(world.redis, world.env, { ...seen, launch: launchDigest({ ...spec, command: "old" }) });
    expect(short(await look([files]))).toEqual([]);
  });

  it("tells what is different about a tool that a runner found as it is pinned before, and only what its digest stands for", async () => {
    const text = (description: string, more = {}) => ({
      name: "files--read",
      description,
      inputSchema: { type: "object", properties: { path: { type: "string" } }, required: ["path"], ...more },
      annotations: { readOnlyHint: true },
    });
    const [was, is] = [text("Reads a file"), text("Reads a file, and tells us of it", { required: ["path", "to"] })];
    const [pin, found] = [toolTextDigest(was), toolTextDigest(is)];
    const spec = { transport: "stdio" as const, command: "files", pins: { read: pin } };
    const files = manifest("McpServer", "files", spec);
    await world.apply([files]);
    const see = (tools: Readonly<Record<string, string>>, texts: Readonly<Record<string, typeof was>>) =>
      tellTools(world.redis, world.env, {
        namespace: "default",
        server: "files",
        launch: launchDigest(spec),
        runner: "r1",
        at: "2026-11-01T12:00:00Z",
        tools,
        texts,
        pins: [pin],
      });
    const differences = async () => (await look([files])).items.map(({ drift }) => drift.difference);
    await see({ read: pin }, { [pin]: was });
    expect(await differences()).toEqual([]);
    await see({ read: found }, { [found]: is });
    const lines = [
      '- description: "Reads a file"',
      '+ description: "Reads a file, and tells us of it"',
      '+ input.required has "to": yes',
    ];
    expect(await differences()).toEqual([lines]);
    const plain = { paint: (_: unknown, text: string) => text, showFile: (file: string) => file };
    expect(renderDrift(await look([files]), plain)).toContain(lines.map((line) => `        ${line}`).join("\n"));
    const observed = await readState(world.redis, world.env);
    const drifted = await readDriftedTools(world.redis, world.env, observed);
    const planned = plan({ source: source([files]), observed, env: world.env, drifted });
    expect(checkPlanShape(JSON.parse(JSON.stringify(planned))).outcome).toBe("plan");
    const issue = renderDriftIssue(await look([files])).body;
    for (const view of [renderDriftText(planned, (text) => text), driftPart(planned, 10), issue])
      for (const line of lines) expect(view).toContain(line);
    await see({ read: found }, { [found]: was });
    expect(await differences()).toEqual([undefined]);
  });

  it("reads for a plan no record but those of servers: of a large state hardly any is unfolded", async () => {
    const files = manifest("McpServer", "files", { transport: "stdio", command: "files" });
    await world.apply([...SET, files]);
    const asked: string[] = [];
    class Watched extends Map<Address, StateRecord> {
      override get(address: Address): StateRecord | undefined {
        asked.push(address);
        return super.get(address);
      }
      override values(): never {
        throw new Error("all of them are read");
      }
    }
    const { records } = await readState(world.redis, world.env);
    await readDriftedTools(world.redis, world.env, { records: new Watched(records) });
    expect(asked).toEqual([files.address]);
  });

  it("tells secrets that no record declares, and those for which a runner that is there has no value", async () => {
    const tool = manifest("Tool", "t", { endpoint: "https://x.example/", auth: { secret_ref: "nowhere:key" } });
    const key = manifest("Secret", "k", { from: { value: { env: "K_API_KEY" } } });
    await world.apply([tool, key]);
    const missing = { namespace: "default", name: "k", key: "value", runner: "r1" };
    const told = { ...missing, code: "SECRET_MISSING", at: "2026-11-01T12:00:00Z" };
    await tellMissingSecret(world.redis, world.env, told);
    const info = { id: "r1", startedAt: "", concurrency: 1, leaseMs: 1, running: 0, gpu: false, models: [] };
    await announceRunner(world.redis, world.env, info, 60_000);
    expect(short(await look([tool, key]))).toEqual([
      [key.address, "update", "SECRET_ABSENT", ["/spec/from/value"]],
      [tool.address, "update", "SECRET_ABSENT", ["/spec/auth/secret_ref"]],
    ]);
    await forgetMissingSecret(world.redis, world.env, missing);
    expect(short(await look([tool, key]))).toHaveLength(1);
    await tellMissingSecret(world.redis, world.env, told);
    await forgetRunner(world.redis, world.env, "r1");
    expect(short(await look([tool, key]))).toHaveLength(1);
  });

  it("tells endpoints whose names lead nowhere, and takes a silent or lost resolver for no answer", async () => {
    const gone = manifest("Tool", "gone", { endpoint: "https://gone.example/x" });
    const here = manifest("Tool", "here", { endpoint: "https://here.example/x" });
    const local = manifest("ModelEndpoint", "local", { base_url: "http://127.0.0.1:9/", default_model: "d" });
    const quiet = manifest("McpServer", "quiet", { transport: "http", endpoint: "https://quiet.example/" });
    const set = [gone, here, local, quiet];
    await world.apply(set);
    const found = await look(set, { findHost: answering({ "gone.example": "gone", "here.example": "resolves" }) });
    expect(short(found)).toEqual([[gone.address, "update", "ENDPOINT_UNRESOLVED", ["/spec/endpoint"]]]);
    expect(found.unknown).toEqual([expect.stringContaining("quiet.example")]);
    const lost = await look(set, { findHost: async () => "gone" });
    expect(lost).toMatchObject({ items: [], unknown: [expect.stringContaining("no answer")] });
  });

  it("asks for a name within its time, and for each name once", async () => {
    const set = ["a", "b"].map((name) => manifest("Tool", name, { endpoint: "https://slow.example/" }));
    await world.apply(set);
    let asked = 0;
    const never = (): Promise<HostAnswer> => {
      asked += 1;
      return new Promise(() => undefined);
    };
    const records = [...(await world.read()).records.values()];
    const answer = await endpointsProbe(never, 20).look(records, new AbortController().signal);
    expect(answer).toEqual({ findings: [], unknown: [expect.stringContaining("slow.example")] });
    expect(asked).toBe(1);
  });
});
