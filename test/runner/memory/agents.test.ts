// Agents with a memory: governed like any tool, kept over takeovers, gone with the task.
import { expect, it } from "vitest";
import { dropTask } from "../../../store/drop-task.ts";
import { describeWithRedis, withWorlds } from "../../redis.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "../world.ts";

describeWithRedis("an agent with a memory", () => {
  let world: World;
  withWorlds(openWorld, (opened) => {
    world = opened;
  });

  const memory = manifest("Memory", "notes", {});
  const line = system("line", ["writer", "reader"]);
  const writer = agent("writer", { memory: { ref: "notes", allow: ["write"] } });
  const reader = agent("reader", { memory: { ref: "notes", allow: ["search"] } });
  const model = mockModel("mock", [
    { agent: "writer", turn: 1, call: [{ tool: "memory.write", arguments: { key: "bell", value: "cast in 1782" } }] },
    { agent: "writer", turn: 2, say: "kept" },
    { agent: "reader", turn: 1, call: [{ tool: "memory.search", arguments: { query: "bell" } }] },
    {
      agent: "reader",
      turn: 2,
      contains: '"value":"cast in 1782","written":{"task":"default/task-1","agent":"writer"',
      say: "found",
    },
    { agent: "reader", turn: 2, say: "nothing" },
  ]);

  it("keeps what one agent writes for the next one, says who wrote it, and is decided about like any tool", async () => {
    await world.runner();
    const ref = await world.start([memory, line, writer, reader, model], "line");
    expect(await world.ended(ref)).toMatchObject({ phase: "Succeeded", output: { reader: "found" } });
    const events = await world.trace(ref);
    const found = events.filter(({ type, tool }) => type === "tool.called" && tool === "memory.search");
    expect(found).toHaveLength(1);
    expect(typesOf(events, "reader#1")).toContain("tool.decided");
    expect(await chainVerdict(world, ref)).toBe("intact");
    await dropWhenFinished(ref);
    expect(await world.redis.keys(`cw:{t:${world.env}/*}:memory`)).toEqual([]);
  });

  it("is stopped by policy, and may not do what its manifest does not allow", async () => {
    await world.runner();
    const guard = manifest("AgentPolicy", "guard", { apply_mode: "global", blocked_tools: ["memory.write"] });
    const blocked = await world.start([memory, line, writer, reader, model, guard], "line");
    expect(await world.ended(blocked)).toMatchObject({ phase: "Failed", lastError: { code: "TOOL_BLOCKED" } });
    const readOnly = agent("writer", { memory: { ref: "notes", allow: ["read"] } });
    const unlisted = await world.start([memory, line, readOnly, reader, model], "line");
    expect(await world.ended(unlisted)).toMatchObject({ phase: "Failed", lastError: { code: "TOOL_NOT_LISTED" } });
  });

  it("bounds what is written by argument rules", async () => {
    await world.runner();
    const rule = { match: { tools: ["memory.write"] }, must: { key: { glob: "notes/*" } } };
    const guard = manifest("AgentPolicy", "guard", { apply_mode: "global", rules: [rule] });
    const ref = await world.start([memory, line, writer, reader, model, guard], "line");
    expect(await world.ended(ref)).toMatchObject({ lastError: { code: "TOOL_ARG_FORBIDDEN" } });
  });

  async function dropWhenFinished(ref: Parameters<typeof dropTask>[1]): Promise<void> {
    for (;;) if ((await dropTask(world.redis, ref)) !== "going") return;
  }
});
