// Agents with a memory that is searched by meaning: its vectors are made through the gate, charged, and made once.
import { expect, it } from "vitest";
import { traceRows } from "../../../cli/view/trace-rows.ts";
import { MemoryEmbeddings } from "../../../runner/memory/embed.ts";
import { openMockEmbedder } from "../../../runner/models/mock-embedder.ts";
import { describeWithRedis, withWorlds } from "../../redis.ts";
import { answerJson, serve } from "../tools/http-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, type World } from "../world.ts";

describeWithRedis("a memory with an embedding model", () => {
  let world: World;
  withWorlds(openWorld, (opened) => {
    world = opened;
  });

  const memory = manifest("Memory", "notes", { provider: "redis", embedding_model: "vectors" });
  const vectors = manifest("ModelEndpoint", "vectors", { provider: "mock", default_model: "embed-1" });
  const keeper = agent("keeper", { memory: { ref: "notes", allow: ["write", "search"] } });
  const model = mockModel("mock", [
    {
      turn: 1,
      call: [
        { tool: "memory.write", arguments: { key: "a", value: "cast in bronze" } },
        { tool: "memory.write", arguments: { key: "b", value: "made of wood" } },
        { tool: "memory.write", arguments: { key: "c", value: "cast in bronze" } },
      ],
    },
    { turn: 2, call: [{ tool: "memory.search", arguments: { query: "of wood" } }] },
    { turn: 3, contains: '"key":"b"', say: "found" },
    { say: "no: {{last}}" },
  ]);
  const parts = [memory, vectors, system("line", ["keeper"]), keeper, model];
  const named = (events: Awaited<ReturnType<World["trace"]>>, type: string, name: string) =>
    events.filter((event) => event.type === type && event["model"] === name);

  it("is decided, traced and charged like a turn, and the same text is never asked for twice", async () => {
    await world.runner();
    const ref = await world.start(parts, "line");
    const task = await world.ended(ref);
    expect(task).toMatchObject({ phase: "Succeeded", output: { keeper: "found" } });
    const events = await world.trace(ref);
    const answers = named(events, "model.answered", "embed-1");
    expect(named(events, "model.called", "embed-1").map(({ step, endpoint }) => [step, endpoint])).toEqual([
      ["m1.c1.e1", "default/vectors"],
      ["m1.c2.e1", "default/vectors"],
      ["m2.c1.e1", "default/vectors"],
    ]);
    expect(named(events, "turn.decided", "embed-1")).toHaveLength(3);
    const spent = events.reduce((sum, event) => sum + Number(event["inputTokens"] ?? 0), 0);
    expect(answers.every(({ inputTokens }) => Number(inputTokens) > 0)).toBe(true);
    expect(task.tokens.input).toBe(spent);
    expect(await chainVerdict(world, ref)).toBe("intact");
    expect(traceRows(events, () => undefined).filter(({ label }) => label.startsWith("embeddings"))).toMatchObject([
      { depth: 2, label: "embeddings  embed-1", note: expect.stringMatching(/^\d+ \/ 0$/) as string },
      { depth: 2 },
      { depth: 2 },
    ]);
    const again = await world.start(parts, "line");
    await world.ended(again);
    expect(named(await world.trace(again), "model.called", "embed-1")).toEqual([]);
  });

  it("is made by no model that a policy refuses, and nothing is written", async () => {
    await world.runner();
    const guard = manifest("AgentPolicy", "guard", { apply_mode: "global", allowed_models: ["mock-1"] });
    const ref = await world.start([...parts, guard], "line");
    expect((await world.ended(ref)).output).toMatchObject({
      keeper: expect.stringMatching(/no: MODEL_NOT_ALLOWED/) as string,
    });
    expect(await world.redis.keys(`cw:{m:${world.env}/*`)).toEqual([]);
  });

  it("asks nobody in the middle of a call: where a person would have to approve the model, it is denied", async () => {
    await world.runner();
    const rule = { match: { models: ["embed-1"] }, effect: "ask", message: "it is sent away" };
    const guard = manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule] });
    const ref = await world.start([...parts, guard], "line");
    expect(await world.ended(ref)).toMatchObject({
      phase: "Succeeded",
      output: { keeper: expect.stringMatching(/^no: APPROVAL_REQUIRED: the turn with model `embed-1`/) as string },
    });
    expect(named(await world.trace(ref), "model.called", "embed-1")).toEqual([]);
  });

  it("tries again what may pass, and says what does not; the key is a Secret's", async () => {
    let asked = 0;
    const { url, asked: requests } = await serve((response, { body }) => {
      asked += 1;
      if (asked === 1) return answerJson(response, 503, { error: { message: "busy" } });
      const { input } = JSON.parse(body) as { input: readonly string[] };
      answerJson(response, 200, { data: input.map((text, index) => ({ index, embedding: [text.length, 1] })) });
    });
    const real = manifest("ModelEndpoint", "vectors", {
      provider: "openai-compatible",
      base_url: url,
      default_model: "embed-2",
      auth: { secret_ref: "keys:embed" },
    });
    const key = Buffer.from("s3cret-key").toString("base64");
    const keys = manifest("Secret", "keys", { data: { embed: key } });
    await world.runner();
    const ref = await world.start([memory, real, keys, system("line", ["keeper"]), keeper, model], "line");
    expect(await world.ended(ref)).toMatchObject({ phase: "Succeeded" });
    expect(requests[1]?.headers["authorization"]).toBe("Bearer s3cret-key");
    const events = await world.trace(ref);
    expect(named(events, "model.called", "embed-2").map(({ step }) => step)).toEqual([
      "m1.c1.e1",
      "m1.c1.e2",
      "m1.c2.e1",
      "m2.c1.e1",
    ]);
    expect(JSON.stringify(events)).not.toContain("s3cret-key");
    const mine = await world.start(parts, "line");
    expect((await world.ended(mine)).output).toMatchObject({
      keeper: expect.stringMatching(/MEMORY_VECTORS_DIFFER.*embed-2 \(2\).*embed-1 \(256\)/) as string,
    });
  });

  it("names what it asks for anew behind what an attempt that was lost had asked for", async () => {
    const asked: string[] = [];
    const embedder = openMockEmbedder();
    const lost = { activation: "a#1", step: "m1.c1.e1", state: "started" as const, idempotencyKey: "k" };
    const maker = new MemoryEmbeddings({
      redis: world.redis,
      env: world.env,
      open: () =>
        Promise.resolve({
          embedder,
          name: "embed-1",
          price: null,
          endpoint: "default/vectors",
          identity: "same",
          enter: () => Promise.resolve({ state: "may-call", leave: () => Promise.resolve() }),
        }),
      gate: () => ({
        embed: ({ step, model: name, texts }, signal) => {
          asked.push(`${step} ${texts.length}`);
          return embedder.embed({ model: name, texts }, signal);
        },
      }),
      steps: [lost],
      redact: (text) => text,
      random: () => 0,
    });
    const { signal } = new AbortController();
    const texts = Array.from({ length: 70 }, (_, n) => `text ${n % 66}`);
    const { vectors, space } = await maker.embed(texts, { step: "m1.c1", signal });
    expect(asked).toEqual(["m1.c1.e2 64", "m1.c1.e3 2"]);
    expect([vectors.length, space]).toEqual([70, { model: "embed-1", dimensions: 256 }]);
    expect(vectors[66]).toEqual(vectors[0]);
    await maker.embed(["text 1", "another"], { step: "m1.c1", signal });
    expect(asked.at(-1)).toBe("m1.c1.e4 1");
  });
});
