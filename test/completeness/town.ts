// A town of systems, each under a policy of its own, and what happens when random tasks are let loose in it: one runner, in
// this process, with a real Redis and the real gate.
import { setTimeout as wait } from "node:timers/promises";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRef } from "../../contracts/task.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import { runActivation } from "../../runner/activation.ts";
import { DefinitionCache } from "../../runner/definition-cache.ts";
import { Holdings } from "../../runner/holdings.ts";
import { answerApproval } from "../../store/approvals/answer-approval.ts";
import { listApprovals } from "../../store/approvals/read-approvals.ts";
import { closeRedis, connectRedis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { openQueue } from "../../store/queue.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { startActivationWorker } from "../../store/worker.ts";
import { agent, manifest, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { type Dice, rollDice } from "../sim/dice.ts";
import { type Feature, makeFeatures, TOOL_NAMES, TOOLS } from "./features.ts";
import { openWitness, openWitnessed, VERIFY, type Witness } from "./witness.ts";

export interface TownTask {
  readonly ref: TaskRef;
  readonly feature: Feature;
  readonly events: readonly TraceEvent[];
}

export interface TownStory {
  readonly features: readonly Feature[];
  readonly tasks: readonly TownTask[];
  readonly witness: Witness;
  /** Tasks of which a person approved what they asked. */
  readonly approved: ReadonlySet<string>;
}

const LEASE_MS = 60_000;
const CONCURRENCY = 16;
const LOOK_MS = 200;
/** In which a town of a thousand tasks ends, also on a machine that has a lot to do. */
const PATIENCE_MS = 80_000;

export async function playTown(url: string, seed: string, taskCount: number): Promise<TownStory> {
  const dice = rollDice(seed);
  const features = makeFeatures(dice.fork("features"));
  const manifests = manifestsOf(features, ({ pinned }) => pinned);
  const world = openWorld(url);
  const now = manifestsOf(features, ({ pinned, isLoosened }) => (isLoosened ? undefined : pinned));
  await world.apply([...now, ...policiesOf(features, ({ live }) => live, "live")]);
  const witness = openWitness(dice.fork("witness"));
  const end = await startWitnessed(world, url, witness);
  try {
    const refs: { ref: TaskRef; feature: Feature }[] = [];
    for (let index = 0; index < taskCount; index += 1) {
      const feature = features[index % features.length] as Feature;
      refs.push({ ref: await world.start(manifests, nameOf(feature)), feature });
    }
    const approved = await answerUntilEnded(world, dice.fork("person"));
    const tasks = await Promise.all(refs.map(async (task) => ({ ...task, events: await world.trace(task.ref) })));
    return { features, tasks, witness, approved };
  } finally {
    await end();
    await world.close();
  }
}

function nameOf({ name }: Feature): string {
  return `s-${name.replaceAll(" ", "-")}`;
}

function manifestsOf(features: readonly Feature[], specOf: (feature: Feature) => Feature["pinned"]): Manifest[] {
  const tool = (name: string, more: Readonly<Record<string, unknown>>): Manifest =>
    manifest("Tool", name, { type: "http", endpoint: "http://127.0.0.1:1/", description: name, ...more });
  const again = { runtime: { retry: { max_attempts: 2, backoff: "1ms" } } };
  return [
    mockModel("mock"),
    tool("look", { effect: TOOLS.look, ...again }),
    tool("put", { effect: TOOLS.put, ...again }),
    tool("send", { effect: TOOLS.send, verify: VERIFY, on_unknown: "retry" }),
    tool("pay", { effect: TOOLS.pay }),
    tool(VERIFY, { effect: "read" }),
    manifest("AgentRole", "looker", { permissions: ["tool:look:invoke"] }),
    ...features.flatMap((feature) => {
      const agents = [`${nameOf(feature)}-a`, `${nameOf(feature)}-b`];
      const { roles = [] } = feature;
      return [...agents.map((name) => agent(name, { tools: [...TOOL_NAMES], roles })), system(nameOf(feature), agents)];
    }),
    ...policiesOf(features, specOf, "pinned"),
  ];
}

function policiesOf(
  features: readonly Feature[],
  specOf: (feature: Feature) => Feature["pinned"],
  suffix: string,
): Manifest[] {
  return features.flatMap((feature) => {
    const spec = specOf(feature);
    if (spec === undefined) return [];
    const name = nameOf(feature);
    return [manifest("AgentPolicy", `${name}-${suffix}`, { target_systems: [name], ...spec })];
  });
}

/** Answers what closes it. */
async function startWitnessed({ redis, env }: World, url: string, witness: Witness): Promise<() => Promise<void>> {
  const queue = openQueue(redis, env);
  const bells = connectRedis(url, "worker");
  let ids = 0;
  const parts = {
    redis,
    queue,
    id: "witnessed",
    leaseMs: LEASE_MS,
    definitions: new DefinitionCache((digest) => readSnapshot(redis, env, digest), 4),
    workshop: openWitnessed(redis, env, witness, () => `d${(ids += 1)}`),
    holdings: new Holdings(),
    isStopping: () => false,
    now: () => new Date(),
    random: () => 0.5,
    say: (line: string) => {
      throw new Error(line);
    },
  };
  const worker = startActivationWorker({
    redis: bells,
    env,
    concurrency: CONCURRENCY,
    announced: { gpu: false, models: [] },
    leaseMs: LEASE_MS,
    process: (job, bell) => runActivation(parts, job, bell),
  });
  await worker.ready();
  return async () => {
    await worker.drain(0);
    await worker.close();
    await queue.close();
    await closeRedis(bells);
  };
}

/** A person says the same of everything that one task asks. Answers the tasks of which it was yes. */
async function answerUntilEnded(world: World, dice: Dice): Promise<Set<string>> {
  const { redis, env } = world;
  const queue = openQueue(redis, env);
  const approved = new Set<string>();
  const untilMs = performance.now() + PATIENCE_MS;
  while ((await redis.zcard(environmentKeys(env).live)) > 0) {
    for (const approval of (await listApprovals(redis, env)).filter(({ phase }) => phase === "Pending")) {
      const yes = dice.fork(approval.task).chance(0.5);
      if (yes) approved.add(approval.task);
      const word = { by: { kind: "local", name: "ada" }, at: new Date().toISOString() } as const;
      await answerApproval(redis, queue, { approval, answer: yes ? "approved" : "denied", word });
    }
    if (performance.now() > untilMs) throw new Error("tasks of the town do not end");
    await wait(LOOK_MS);
  }
  await queue.close();
  return approved;
}
