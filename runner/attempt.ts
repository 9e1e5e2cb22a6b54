// One attempt at an activation: opens what its agent needs, asks for admission, and lets the agent work.

import { parseDuration, timerMs } from "../contracts/duration.ts";
import { TransientFailure } from "../contracts/failure.ts";
import type { AgentSpec } from "../contracts/kinds/agent.ts";
import type { TraceDraft, TraceEventType } from "../contracts/trace.ts";
import { readTrace } from "../store/tasks.ts";
import type { AgentDesk } from "./agent/desk.ts";
import { readExecution } from "./agent/execution.ts";
import { type AgentEnd, runAgent } from "./agent/loop.ts";
import type { Definitions } from "./definitions.ts";
import { labelled } from "./gate/carried.ts";
import type { Held } from "./held.ts";
import { Cancelled } from "./lease.ts";
import { MODEL_RETRY, RUNNER_LIMITS } from "./limits.ts";
import type { Outcome } from "./outcome.ts";
import type { Bench } from "./workshop.ts";

/** Throws what stopped it; see outcomeOfFailure. */
export async function attemptActivation(held: Held, definitions: Definitions): Promise<Outcome> {
  if (held.claim.cancelRequested) throw new Cancelled(held.claim.cancelledBy);
  await recordOpening(held);
  if (killsRunners(held)) return killer(held);
  const spec = definitions.spec("Agent", held.task.namespace, held.agent);
  const timer = startTimeout(held, spec);
  try {
    return await withBench(held, definitions, spec);
  } finally {
    clearTimeout(timer);
  }
}

/** Only a takeover can show that a task kills its runners; retries and hand-overs end in other ways. */
function killsRunners({ claim }: Held): boolean {
  return claim.takenOverFrom !== null && claim.attempt > claim.task.maxAttempts + RUNNER_LIMITS.takeovers;
}

function killer({ claim }: Held): Outcome {
  const message = `its runner was lost ${claim.attempt - 1} times: it is not given to another one`;
  return { kind: "failed", error: { code: "KILLS_RUNNERS", message }, phase: "DeadLetter", final: true };
}

async function withBench(held: Held, definitions: Definitions, spec: AgentSpec): Promise<Outcome> {
  const bench = await held.parts.workshop.open(held, definitions, spec);
  try {
    const admission = await bench.gate.admit();
    if (admission.outcome === "denied") return { kind: "denied", denial: admission.denial };
    return outcomeOf(await runAgent(deskOf(held, spec, bench)), bench);
  } finally {
    await bench.close();
  }
}

function outcomeOf(end: AgentEnd, bench: Bench): Outcome {
  switch (end.outcome) {
    case "done":
      return {
        kind: "done",
        text: bench.redact(end.text),
        turns: end.turns,
        missing: end.missing,
        ...labelled(bench.carried.list()),
      };
    case "denied":
      return { kind: "denied", denial: end.denial };
    case "waiting":
      return { kind: "waiting" };
    case "unknown": {
      const { outcome: _, ...what } = end;
      return { kind: "unknown", ...what };
    }
  }
}

function deskOf(held: Held, spec: AgentSpec, bench: Bench): AgentDesk {
  const { claim, agent, parts, lease, journal } = held;
  return {
    agent,
    system: spec.prompt ?? "",
    input: claim.task.input,
    messages: claim.messages,
    tools: bench.tools,
    maxSteps: spec.limits?.max_steps ?? RUNNER_LIMITS.maxSteps,
    models: bench.models,
    output: bench.output,
    execution: readExecution(spec.execution),
    redact: bench.redact,
    modelRetry: MODEL_RETRY,
    gate: bench.gate,
    toolRules: bench.toolRules,
    steps: claim.steps,
    signal: lease.signal,
    random: parts.random,
    note: async (type, data, place) => {
      await journal.record([{ ...draft(held, type, data), ...place }]);
    },
  };
}

function startTimeout({ lease, agent }: Held, spec: AgentSpec): NodeJS.Timeout {
  const timeoutMs = timerMs(parseDuration(spec.limits?.timeout ?? "") || RUNNER_LIMITS.agentTimeoutMs);
  const message = `${agent} did not end within ${timeoutMs} ms (limits.timeout)`;
  return setTimeout(() => lease.abort(new TransientFailure("AGENT_TIMEOUT", message)), timeoutMs);
}

/** A takeover is told before anything else, so that it is known even if this runner is lost at once, too. */
async function recordOpening(held: Held): Promise<void> {
  const { claim, parts, journal } = held;
  const from = claim.takenOverFrom;
  const runner = parts.id;
  const started = draft(held, "agent.started", { runner });
  if (from === null) return journal.defer([draft(held, "task.claimed", { runner }), started]);
  const taken = draft(held, "task.taken_over", { runner, from, afterMs: await silenceMs(held) });
  await journal.record([taken, started]);
}

/** How long the activation gave no sign of life before it was taken over, by the clocks of the two runners. */
async function silenceMs({ parts, task, activation }: Held): Promise<number | null> {
  const events = await readTrace(parts.redis, task);
  const last = events.findLast((event) => event.activation === activation);
  return last === undefined ? null : Math.max(0, parts.now().getTime() - Date.parse(last.at));
}

function draft(held: Held, type: TraceEventType, data: Readonly<Record<string, unknown>>): TraceDraft {
  const { activation, agent, parts } = held;
  return { type, at: parts.now().toISOString(), activation, agent, data };
}
