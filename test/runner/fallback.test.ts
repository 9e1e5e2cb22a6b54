// Models that fail: tries, fallbacks, the breaker that all runners share; and outputs that have to fit a schema.
import { randomUUID } from "node:crypto";
import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import { listBreakers } from "../../store/breakers.ts";
import { withWorlds } from "../redis.ts";
import { answerJson, type LoopbackServer, serve } from "./tools/http-server.ts";
import { agent, chainVerdict, manifest, mockModel, openWorld, system, typesOf, type World } from "./world.ts";

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

const down = (response: ServerResponse) => answerJson(response, 503, { error: { message: "down" } });

function say(response: ServerResponse, content: string): void {
  const usage = { prompt_tokens: 10, completion_tokens: 2 };
  const choices = [{ message: { role: "assistant", content }, finish_reason: "stop" }];
  answerJson(response, 200, { model: "m-2026", usage, choices });
}

function endpoint(name: string, { url }: LoopbackServer, more: object = {}): Manifest {
  const spec = {
    provider: "openai-compatible",
    base_url: url,
    default_model: `${name}-1`,
    options: { stream: "false" },
  };
  return manifest("ModelEndpoint", name, { ...spec, ...more });
}

const quick = { random: () => 0.001 };
const turnsOf = (events: readonly TraceEvent[]) =>
  eventsOf(events, "turn.decided").filter(({ point }) => point === "before_model");
const eventsOf = (events: readonly TraceEvent[], type: string) => events.filter((event) => event.type === type);

describe("a model that fails", () => {
  it("is followed by the next, with the same conversation, and the trace says who answered and why", async () => {
    await world.runner(quick);
    const [first, second] = [await serve(down), await serve((response) => say(response, "Here I am."))];
    const manifests = [
      agent("a", { model_ref: "main", fallback_model_refs: ["spare"] }),
      system("one", ["a"]),
      endpoint("main", first),
      endpoint("spare", second, { price: { input_per_mtok: 1, output_per_mtok: 1 } }),
    ];
    const ref = await world.start(manifests, "one");
    const task = await world.ended(ref);
    expect([task.phase, task.output?.["last_output"]]).toEqual(["Succeeded", "Here I am."]);
    expect([first.asked.length, second.asked.length]).toEqual([3, 1]);
    const bodies = [first, second].map(({ asked }) => JSON.parse(asked[0]?.body ?? "{}"));
    expect(bodies[0].messages).toEqual(bodies[1].messages);
    const events = await world.trace(ref);
    expect(turnsOf(events).map(({ model, step }) => [model, step])).toEqual([
      ["main-1", "m1"],
      ["main-1", "m1.r1"],
      ["main-1", "m1.r2"],
      ["spare-1", "m1.r3"],
    ]);
    expect(eventsOf(events, "retry.scheduled").at(-1)).toMatchObject({
      what: "fallback",
      from: "default/main",
      to: "default/spare",
      code: "MODEL_UNAVAILABLE",
      step: "m1.r3",
    });
    expect(eventsOf(events, "model.answered")).toMatchObject([{ endpoint: "default/spare", model: "m-2026" }]);
    expect(await chainVerdict(world, ref)).toBe("intact");
  });

  it("is followed by none that a policy does not allow", async () => {
    await world.runner(quick);
    const [first, second] = [await serve(down), await serve((response) => say(response, "Here I am."))];
    const manifests = [
      agent("a", { model_ref: "main", fallback_model_refs: ["spare"] }),
      system("one", ["a"]),
      endpoint("main", first),
      endpoint("spare", second),
      manifest("AgentPolicy", "models", { apply_mode: "global", allowed_models: ["main-1"] }),
    ];
    await world.apply(manifests);
    const task = await world.ended(await world.start(manifests, "one"));
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "MODEL_NOT_ALLOWED"]);
    expect(second.asked).toEqual([]);
  });

  it("need not even be opened: a key that is missing is a reason to ask another", async () => {
    await world.runner(quick);
    const keyless = manifest("ModelEndpoint", "main", { provider: "anthropic", default_model: "claude" });
    const manifests = [
      agent("a", { model_ref: "main", fallback_model_refs: ["mock"] }),
      system("one", ["a"]),
      keyless,
      mockModel("mock", [{ say: "Instead." }]),
    ];
    const ref = await world.start(manifests, "one");
    expect((await world.ended(ref)).output?.["last_output"]).toBe("Instead.");
    expect(eventsOf(await world.trace(ref), "retry.scheduled")).toMatchObject([
      { what: "fallback", code: "MODEL_AUTH" },
    ]);
  });

  it("that calls its request wrong is followed by nobody", async () => {
    await world.runner(quick);
    const first = await serve((response) => answerJson(response, 400, { error: { message: "too long" } }));
    const manifests = [
      agent("a", { model_ref: "main", fallback_model_refs: ["mock"] }),
      system("one", ["a"]),
      endpoint("main", first),
      mockModel("mock"),
    ];
    const task = await world.ended(await world.start(manifests, "one"));
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "MODEL_BAD_REQUEST"]);
  });
});

describe("the breaker of an endpoint", () => {
  it("makes a task wait without using up its attempts, and lets it go on once the endpoint is back", async () => {
    await world.runner(quick);
    let calls = 0;
    const sick = await serve((response) => ((calls += 1) <= 2 ? down(response) : say(response, "Better.")));
    const breaker = { failures: 2, open: "200ms" };
    const ref = await world.start(
      [agent("a", { model_ref: "main" }), system("one", ["a"]), endpoint("main", sick, { breaker })],
      "one",
    );
    const task = await world.ended(ref);
    expect([task.phase, task.output?.["last_output"], calls]).toEqual(["Succeeded", "Better.", 3]);
    expect(eventsOf(await world.trace(ref), "retry.scheduled").at(-1)).toMatchObject({
      what: "activation",
      code: "MODEL_CIRCUIT_OPEN",
      message: expect.stringMatching(/^ModelEndpoint default\/main failed 2 times in a row .*answered 503: down/),
    });
    expect(await listBreakers(world.redis, world.env)).toEqual([]);
  });

  it("is one for all runners and tasks: what one found out, the others do not ask about", async () => {
    await world.runner({ ...quick, id: `a${randomUUID().slice(0, 6)}` });
    await world.runner({ ...quick, id: `b${randomUUID().slice(0, 6)}` });
    const sick = await serve(down);
    const breaker = { failures: 1, open: "1h" };
    const manifests = [agent("a", { model_ref: "main" }), system("one", ["a"]), endpoint("main", sick, { breaker })];
    const first = await world.start(manifests, "one");
    await world.until(first, ({ lastError }) => lastError?.code === "MODEL_CIRCUIT_OPEN");
    const others = await Promise.all([1, 2, 3, 4].map(() => world.start(manifests, "one")));
    for (const ref of others) await world.until(ref, ({ lastError }) => lastError?.code === "MODEL_CIRCUIT_OPEN");
    expect(sick.asked).toHaveLength(1);
    for (const ref of others) expect(typesOf(await world.trace(ref))).not.toContain("model.called");
    expect(await listBreakers(world.redis, world.env)).toMatchObject([{ endpoint: "default/main", state: "open" }]);
  });

  it("that is open sends an agent to its fallback at once", async () => {
    await world.runner(quick);
    const sick = await serve(down);
    const manifests = [
      agent("a", { model_ref: "main", fallback_model_refs: ["mock"] }),
      system("one", ["a"]),
      endpoint("main", sick, { breaker: { failures: 1, open: "1h" } }),
      mockModel("mock", [{ say: "Instead." }]),
    ];
    for (let times = 1; times <= 2; times += 1)
      expect((await world.ended(await world.start(manifests, "one"))).output?.["last_output"]).toBe("Instead.");
    expect(sick.asked).toHaveLength(1);
  });
});

describe("an output schema", () => {
  const schema = { type: "object", properties: { n: { type: "integer", minimum: 1 } }, required: ["n"] };
  const wanting = agent("a", { execution: { output_schema: schema } });

  it("is what the agent's output fits, after repairs that are turns like any other", async () => {
    await world.runner(quick);
    const script = [
      { turn: 1, say: "Three." },
      { turn: 2, say: '{"n": 0}' },
      { turn: 3, say: '```json\n{"n": 3}\n```' },
    ];
    const ref = await world.start([wanting, system("one", ["a"]), mockModel("mock", script)], "one");
    const task = await world.ended(ref);
    expect([task.phase, task.output?.["last_output"]]).toEqual(["Succeeded", '{"n": 3}']);
    const events = await world.trace(ref);
    expect(turnsOf(events)).toHaveLength(3);
    expect(eventsOf(events, "retry.scheduled").map(({ what, message }) => [what, message])).toEqual([
      ["output", "it is no JSON"],
      ["output", "`/n` must be >= 1"],
    ]);
  });

  it("that is not met after two repairs fails the agent, with what is wrong", async () => {
    await world.runner(quick);
    const ref = await world.start([wanting, system("one", ["a"]), mockModel("mock", [{ say: '{"m": 1}' }])], "one");
    const task = await world.ended(ref);
    expect([task.phase, task.lastError?.code]).toEqual(["Failed", "OUTPUT_INVALID"]);
    expect(task.lastError?.message).toContain("after 2 repairs: the output must have required property 'n'");
    expect(eventsOf(await world.trace(ref), "model.answered")).toHaveLength(3);
  });
});
