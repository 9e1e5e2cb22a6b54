// What a seed asks of the runners: graphs, agents that say and call this and that, tasks, policies.
import type { Manifest } from "../../contracts/manifest.ts";
import type { ToolEffect } from "../../contracts/step.ts";
import { TASK_DEFAULTS, type TaskLimits } from "../../contracts/task-rules.ts";
import { agent, manifest, mockModel, system } from "../runner/world.ts";
import type { Dice } from "./dice.ts";

const AGENTS = ["a", "b", "c", "d", "e"] as const;
const SYSTEMS = ["s1", "s2", "s3"] as const;

/** What is there to be called; `check` is asked by the gate alone. */
export const TOOLS: Readonly<Record<string, ToolEffect>> = {
  look: "read",
  put: "idempotent",
  send: "write",
  check: "read",
};
/** Tells whether a write has happened. */
export const VERIFY = "check";
const TOOL_NAMES = ["look", "put", "send"] as const;
/** Stands in the results of tools. */
export const CANARY = "canary-7f3a9c51";

export interface PlannedTask {
  readonly name: string;
  readonly system: string;
  readonly atMs: number;
  readonly maxTurns: number;
  /** When somebody asks for its end; undefined: nobody does. */
  readonly cancelAtMs: number | undefined;
  readonly limits: TaskLimits;
}

export interface Scenario {
  readonly leaseMs: number;
  readonly concurrency: number;
  readonly runners: number;
  readonly manifests: readonly Manifest[];
  /** Tokens that a task may spend; null: any number. */
  readonly ceiling: number | null;
  /** An agent that answers nothing, which fails it. */
  readonly failing: string | undefined;
  readonly tasks: readonly PlannedTask[];
  /** A tool whose calls a person is asked about. */
  readonly asks: string | undefined;
  /** A person is asked about turns. */
  readonly asksTurns: boolean;
  /** What all tasks may spend together; null: any amount. */
  readonly shared: SharedLimits | null;
  /** Policies that are applied while tasks run. */
  readonly tightened: { readonly atMs: number; readonly tool: string } | undefined;
  /** For how long things go wrong. */
  readonly troubleMs: number;
}

export interface SharedLimits {
  readonly tokens: number;
  readonly steps: number;
}

export function makeScenario(dice: Dice): Scenario {
  const more = dice.fork("more");
  const asks = more.chance(0.25) ? more.pick(TOOL_NAMES) : undefined;
  const turns = dice.fork("turns");
  const asksTurns = turns.chance(0.15);
  const shared = more.chance(0.2) ? { tokens: more.whole(5_000, 60_000), steps: more.whole(10, 60) } : null;
  const verifies = more.chance(0.7);
  const ceiling = dice.chance(0.2) ? dice.whole(3_000, 20_000) : null;
  const troubleMs = dice.whole(4_000, 12_000);
  return {
    leaseMs: dice.pick([1_000, 2_000, 5_000]),
    concurrency: dice.whole(1, 3),
    runners: dice.whole(2, 4),
    manifests: [
      ...AGENTS.map((name) => agent(name, { tools: [...TOOL_NAMES] })),
      ...SYSTEMS.map((name) => randomSystem(name, dice)),
      mockModel("mock"),
      ...TOOL_NAMES.map((name) => toolNamed(name, verifies)),
      ...(verifies ? [plainTool(VERIFY, { effect: "read" })] : []),
      ...(asks === undefined ? [] : [policy("asking", asking({ tools: [asks] }, more))]),
      ...(asksTurns ? [policy("asking-turns", asking({ models: ["mock-1"] }, turns))] : []),
      ...(shared === null ? [] : [policy("shared", { budgets: [{ per: ["namespace"], ...shared }] })]),
      ...(ceiling === null ? [] : [policy("budget", { max_tokens_per_run: ceiling })]),
    ],
    ceiling,
    asks,
    asksTurns,
    shared,
    failing: dice.chance(0.15) ? dice.pick(AGENTS) : undefined,
    tasks: Array.from({ length: dice.whole(1, 3) }, (_, index) => ({
      name: `t${index + 1}`,
      system: dice.pick(SYSTEMS),
      atMs: dice.whole(0, troubleMs / 2),
      maxTurns: dice.whole(1, 3),
      cancelAtMs: dice.chance(0.1) ? dice.whole(0, troubleMs) : undefined,
      limits: {
        waitMs: more.chance(0.1) ? more.whole(1_000, 6_000) : TASK_DEFAULTS.limits.waitMs,
        durationMs: more.chance(0.1) ? more.whole(2_000, 15_000) : TASK_DEFAULTS.limits.durationMs,
      },
    })),
    tightened: dice.chance(0.2) ? { atMs: dice.whole(0, troubleMs), tool: dice.pick(TOOL_NAMES) } : undefined,
    troubleMs,
  };
}

export function policy(name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return manifest("AgentPolicy", name, { apply_mode: "global", ...spec });
}

function asking(match: Readonly<Record<string, unknown>>, dice: Dice): Readonly<Record<string, unknown>> {
  const approval = { ttl: `${dice.whole(2, 20)}s` };
  return { rules: [{ match, effect: "ask", approval }] };
}

/** What may be repeated is tried again by the runner itself. */
function toolNamed(name: (typeof TOOL_NAMES)[number], verifies: boolean): Manifest {
  const effect = TOOLS[name];
  if (effect === "write") return plainTool(name, { effect, ...(verifies ? { verify: VERIFY } : {}) });
  return plainTool(name, { effect, runtime: { retry: { max_attempts: 2, backoff: "100ms", jitter: "full" } } });
}

function plainTool(name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  return manifest("Tool", name, { type: "http", endpoint: "http://127.0.0.1:1/", description: name, ...spec });
}

/** Any graph at all: pipelines, branches, joins, loops, conditions that hold or do not. */
function randomSystem(name: string, dice: Dice): Manifest {
  const agents = AGENTS.slice(0, dice.whole(1, AGENTS.length));
  if (dice.chance(0.3)) return system(name, agents);
  const isForward = dice.chance(0.6);
  const graph = Object.fromEntries(
    agents.map((from, index) => {
      const edges = agents
        .filter((to, target) => (isForward ? target > index : to !== from || dice.chance(0.2)) && dice.chance(0.45))
        .map((to) => ({ to, ...dice.pick<{ condition?: Readonly<Record<string, unknown>> }>([{}, {}, YES, DEFAULT]) }));
      const mode = dice.chance(0.3) ? { mode: "quorum", quorum_count: dice.whole(1, 2) } : {};
      const join = { ...mode, on_failure: dice.pick(["deadletter", "skip", "continue_partial"]) };
      return [from, { edges, join }] as const;
    }),
  );
  return system(name, agents, graph);
}

const YES = { condition: { output_contains: "yes" } };
const DEFAULT = { condition: { default: true } };

/** What the model of an agent says at a turn: the same whenever it is asked, so that a repeated turn repeats its calls. */
export interface Line {
  readonly text: string;
  readonly calls: readonly { readonly tool: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

export function lineOf(dice: Dice, agentName: string, turn: number): Line {
  const asks = turn <= 2 && dice.chance(turn === 1 ? 0.7 : 0.3);
  if (!asks) return { text: `${agentName} says ${dice.pick(["yes", "no"])}`, calls: [] };
  const calls = Array.from({ length: dice.whole(1, 2) }, (_, index) => ({
    tool: dice.pick(TOOL_NAMES),
    arguments: { of: agentName, turn, index },
  }));
  return { text: "", calls };
}
