// The history of tasks that ran on real processes and a real Redis, for the invariants to judge.
import { setTimeout as wait } from "node:timers/promises";
import type { TaskPhase, TaskRef } from "../../contracts/task.ts";
import type { ChainHead } from "../../contracts/trace.ts";
import { environmentKeys, queuePrefix, stepsKey, taskKeys } from "../../store/keys.ts";
import { readStep } from "../../store/task-fields.ts";
import type { History, PersonsWord, TaskHistory } from "../history/history.ts";
import { judgeHistory } from "../history/invariants.ts";
import type { World } from "../runner/world.ts";
import { CANARY, type SeenTools } from "./seen-tools.ts";

/** Looks at tasks now and then: what it was told once must hold for good. */
export class Onlooker {
  readonly #world: World;
  readonly #phases = new Map<string, TaskPhase[]>();
  readonly #heads = new Map<string, ChainHead[]>();

  constructor(world: World) {
    this.#world = world;
  }

  async look(ref: TaskRef): Promise<TaskPhase> {
    const { phase, trace } = await this.#world.task(ref);
    const phases = this.#phases.get(ref.name) ?? [];
    this.#phases.set(ref.name, phases.at(-1) === phase ? phases : [...phases, phase]);
    this.#heads.set(ref.name, [...(this.#heads.get(ref.name) ?? []), trace]);
    return phase;
  }

  async history(ref: TaskRef, mayEndWith: readonly string[]): Promise<TaskHistory> {
    const { redis } = this.#world;
    await this.look(ref);
    const record = await this.#world.task(ref);
    const events = await this.#world.trace(ref);
    const steps = await Promise.all(record.activations.map(({ id }) => redis.hvals(stepsKey(ref, id))));
    const [input, output, reserved] = await redis.hmget(
      taskKeys(ref).task,
      "inputTokens",
      "outputTokens",
      "reservedTokens",
    );
    const killed = Math.max(...record.activations.map(({ attempts }) => attempts)) > 5 ? ["KILLS_RUNNERS"] : [];
    return {
      id: `${ref.namespace}/${ref.name}`,
      record,
      events,
      steps: steps.flat().map((text) => readStep(ref.name, text)),
      ledger: {
        inputTokens: Number(input),
        outputTokens: Number(output),
        reservedTokens: Number(reserved),
        costUsd: null,
      },
      phases: this.#phases.get(ref.name) ?? [],
      heads: this.#heads.get(ref.name) ?? [],
      ceiling: null,
      mayEndWith: [...mayEndWith, ...killed],
    };
  }
}

export type RealRun = Pick<History, "tasks" | "retriesByPerson"> & { readonly logs: string };

export async function realHistory(world: World, tools: Pick<SeenTools, "calls">, run: RealRun): Promise<History> {
  const { tasks, retriesByPerson, logs } = run;
  const answered = tasks.flatMap(({ id, events }) =>
    events.filter(({ type }) => type === "model.answered").map((event) => ({ id, event })),
  );
  return {
    tasks,
    calls: tools.calls,
    // The built-in model bills what it answers with.
    turns: answered.map(({ id, event }) => ({
      task: id,
      tokens: Number(event["inputTokens"]) + Number(event["outputTokens"]),
    })),
    retriesByPerson,
    canaries: [CANARY],
    sinks: { logs, ...Object.fromEntries(tasks.map((task) => [task.id, JSON.stringify(task)])) },
    leftovers: await leftovers(world),
  };
}

export interface JudgedRun {
  readonly tools?: Pick<SeenTools, "calls">;
  readonly retriesByPerson?: readonly PersonsWord[];
  /** Codes of the errors with which tasks may end. */
  readonly mayEndWith?: readonly string[];
}

/** For the last bell of a task that has ended to be gone. */
const GONE_MS = 10_000;

/** Everything that is wrong with tasks that have ended, and with what they left behind. */
export async function breachesOf(
  world: World,
  onlooker: Onlooker,
  refs: readonly TaskRef[],
  { tools = { calls: [] }, retriesByPerson = [], mayEndWith = [] }: JudgedRun = {},
): Promise<readonly string[]> {
  const deadline = performance.now() + GONE_MS;
  while ((await leftovers(world)).length > 0 && performance.now() < deadline) await wait(50);
  const tasks: TaskHistory[] = [];
  for (const ref of refs) tasks.push(await onlooker.history(ref, mayEndWith));
  return judgeHistory(await realHistory(world, tools, { tasks, retriesByPerson, logs: "" }));
}

/** Bells and entries of the live index that stand for nothing any more. */
export async function leftovers({ redis, env }: World): Promise<readonly string[]> {
  const live = await redis.zrange(environmentKeys(env).live, "0", "-1");
  const bells = await redis.keys(`${queuePrefix(env)}:*`);
  return [
    ...live.map((member) => `${member} in the live index`),
    ...bells.filter((key) => /:(wait|active|delayed|prioritized|paused)$/.test(key)),
  ];
}
