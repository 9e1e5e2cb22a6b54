// Agents that read on in a result that was too long: governed like any call, over takeovers, for people, and gone with the task.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { digestOf, digestText } from "../../contracts/canonical.ts";
import { dropTask } from "../../store/drop-task.ts";
import { eraseTask } from "../../store/erase-task.ts";
import { commandRoom } from "../cli/command.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openToolServer, type ToolServer } from "./tool-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

const LINES = Array.from({ length: 500 }, (_, index) => `line ${index}: nothing to see`).join("\n");
const WHOLE = `${LINES}\nthe last line says: saffron`;
const LABELS = [{ label: "private", from: "big (a#1 m1.c1)" }];
const idOf = (labels: readonly unknown[]): string => digestOf({ digest: digestText(WHOLE), labels }).slice(7, 23);
const ID = idOf([]);

describeWithRedis("a result that is too long", () => {
  let server: TestRedis;
  let tools: ToolServer;
  let world: World;
  beforeAll(async () => {
    server = await testRedis();
    tools = await openToolServer();
    tools.answerAtOnce(WHOLE);
  });
  afterAll(async () => {
    await tools.close();
    await server.stop();
  });
  beforeEach(() => {
    world = openWorld(server.url);
  });
  afterEach(() => world.close());

  const readOn = (id: string) => [
    { agent: "a", turn: 1, call: [{ tool: "big", arguments: {} }] },
    { agent: "a", turn: 2, call: [{ tool: "artifact.read", arguments: { id, offset: 12_000 } }] },
    { agent: "a", turn: 3, contains: "saffron", say: "it says saffron" },
    { agent: "a", turn: 3, say: "{{last}}" },
  ];
  const big = (more: Readonly<Record<string, unknown>> = {}) =>
    tools.tool("big", { effect: "read", max_result_bytes: 1_000, ...more });
  const set = (more: Readonly<Record<string, unknown>> = {}, listed = ["big", "artifact.read"], id = ID) => [
    agent("a", { tools: listed }),
    system("one", ["a"]),
    big(more),
    mockModel("mock", readOn(id)),
  ];

  it("is kept whole, and its agent reads on where the note says", async () => {
    await world.runner();
    const ref = await world.start(set(), "one");
    expect(await world.ended(ref)).toMatchObject({ phase: "Succeeded", output: { a: "it says saffron" } });
    const events = await world.trace(ref);
    const [first, page] = events.filter(({ type }) => type === "tool.answered");
    expect(first).toMatchObject({
      artifact: ID,
      artifactBytes: Buffer.byteLength(WHOLE),
      artifactDigest: digestText(WHOLE),
    });
    expect(page).toMatchObject({ tool: "artifact.read", isError: false });
    expect(typesOf(events).filter((type) => type === "tool.decided")).toHaveLength(2);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("is read by a person as the trace names it, and is gone with what the task said", async () => {
    await world.runner();
    const ref = await world.start(set(), "one");
    await world.ended(ref);
    const room = commandRoom({ COUNTWHEEL_REDIS_URL: server.url, COUNTWHEEL_ENV: world.env });
    const [told, missing, drawn] = await Promise.all([
      room.run("trace", ref.name, "--artifact", ID),
      room.run("trace", ref.name, "--artifact", "feed"),
      room.run("trace", ref.name),
    ]);
    room.remove();
    expect(told).toEqual({ code: 0, stdout: WHOLE, stderr: "" });
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining(`it has \`${ID}\``)]);
    expect(drawn.stdout).toContain(`artifact ${ID}, ${Buffer.byteLength(WHOLE)} bytes`);
    const key = `cw:{t:${world.env}/default/${ref.name}}:artifacts`;
    expect(await world.redis.exists(key)).toBe(1);
    const word = { by: { kind: "local", name: "eve" }, reason: "asked", at: "2026-01-01T00:00:00.000Z" } as const;
    await expect
      .poll(async () => (await eraseTask(world.redis, ref, word)).outcome, { timeout: 10_000 })
      .toBe("erased");
    expect(await world.redis.exists(key)).toBe(0);
    expect(await chainVerdict(world, ref)).not.toBe("missing");
    await expect.poll(() => dropTask(world.redis, ref), { timeout: 10_000 }).toBe("dropped");
  });

  it("is cut, and kept for nobody, where its agent does not list the tool", async () => {
    await world.runner();
    const ref = await world.start(set({}, ["big"]), "one");
    expect(await world.ended(ref)).toMatchObject({ phase: "Failed", lastError: { code: "TOOL_NOT_LISTED" } });
    expect((await world.trace(ref)).some((event) => "artifact" in event)).toBe(false);
    expect(await world.redis.exists(`cw:{t:${world.env}/default/${ref.name}}:artifacts`)).toBe(0);
  });

  it("is read only as far as policies let the tool be called", async () => {
    await world.runner();
    const guard = manifest("AgentPolicy", "guard", { apply_mode: "global", blocked_tools: ["artifact.read"] });
    const ref = await world.start([...set(), guard], "one");
    expect(await world.ended(ref)).toMatchObject({ phase: "Failed", lastError: { code: "TOOL_BLOCKED" } });
  });

  it("keeps its labels on the way: what another agent reads of it is as private as it was", async () => {
    await world.runner();
    const id = idOf(LABELS);
    const flow = manifest("AgentPolicy", "flow", {
      apply_mode: "global",
      flow: [{ data: ["private"], to: { sends_to: ["outside"] } }],
    });
    const script = [
      { agent: "a", turn: 1, call: [{ tool: "big", arguments: {} }] },
      { agent: "a", turn: 2, say: id },
      { agent: "b", turn: 1, call: [{ tool: "artifact.read", arguments: { id } }] },
      { agent: "b", turn: 2, call: [{ tool: "send", arguments: {} }] },
    ];
    const manifests = [
      agent("a", { tools: ["big", "artifact.read"] }),
      agent("b", { tools: ["artifact.read", "send"] }),
      system("one", ["a", "b"]),
      big({ returns: ["private"] }),
      tools.tool("send", { sends_to: ["outside"] }),
      mockModel("mock", script),
      flow,
    ];
    const ref = await world.start(manifests, "one");
    expect(await world.ended(ref)).toMatchObject({ phase: "Failed", lastError: { code: "FLOW_VIOLATION" } });
    const page = (await world.trace(ref)).find(
      ({ type, tool }) => type === "tool.answered" && tool === "artifact.read",
    );
    expect(page).toMatchObject({ labels: ["private"] });
  });

  it("is there for the runner that takes over", async () => {
    const slow = await openToolServer();
    const script = [
      {
        agent: "a",
        turn: 1,
        call: [
          { tool: "big", arguments: {} },
          { tool: "slow", arguments: {} },
        ],
      },
      ...readOn(ID).slice(1),
    ];
    const manifests = [
      agent("a", { tools: ["big", "slow", "artifact.read"] }),
      system("one", ["a"]),
      big(),
      slow.tool("slow", { effect: "read" }),
      mockModel("mock", script),
    ];
    const victim = await world.child("victim");
    const called = slow.nextCall();
    const ref = await world.start(manifests, "one", { maxAttempts: 2 });
    await called;
    victim.process.kill("SIGKILL");
    slow.answerAtOnce("done");
    await world.runner();
    expect(await world.ended(ref)).toMatchObject({ phase: "Succeeded", output: { a: "it says saffron" } });
    const artifacts = (await world.trace(ref)).filter((event) => event["artifact"] === ID);
    expect(artifacts.length).toBeGreaterThan(0);
    await slow.close();
  });
});
