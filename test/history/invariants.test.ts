// Each invariant holds over a good history, and fails over one that was doctored in just its way.
import { expect, it } from "vitest";
import { chainStart, type TraceDraft } from "../../contracts/trace.ts";
import { chainedEvents } from "../contracts/chained.ts";
import type { History, TaskHistory } from "./history.ts";
import { judgeHistory } from "./invariants.ts";

const AT = "2026-01-01T00:00:00.000Z";
const id = "default/t";
const where = { at: AT, activation: "a#1", agent: "a", epoch: 1 };
const call = { idempotencyKey: "k1", argumentsDigest: "sha256:args" };

const DRAFTS: readonly TraceDraft[] = [
  { type: "task.created", at: AT },
  { ...where, type: "task.claimed", data: { runner: "r1" } },
  {
    ...where,
    type: "turn.decided",
    turn: 1,
    step: "m1",
    data: { decisionId: "d1", effect: "allow", reserveTokens: 100 },
  },
  { ...where, type: "model.called", turn: 1, step: "m1", data: { decisionId: "d1" } },
  { ...where, type: "model.answered", turn: 1, step: "m1" },
  { ...where, type: "tool.decided", turn: 1, step: "m1.c1", data: { ...call, decisionId: "d2", effect: "allow" } },
  { ...where, type: "tool.called", turn: 1, step: "m1.c1", data: { ...call, decisionId: "d2", effect: "write" } },
  { ...where, type: "tool.answered", turn: 1, step: "m1.c1" },
  { ...where, type: "agent.finished" },
  { type: "task.succeeded", at: AT },
];

function taskOf(drafts: readonly TraceDraft[], more: Partial<TaskHistory> = {}): TaskHistory {
  const events = chainedEvents(id, { seq: 0, head: chainStart(id) }, drafts);
  const trace = { seq: events.length, head: events.at(-1)?.hash ?? "" };
  const record = {
    name: "t",
    namespace: "default",
    phase: "Succeeded",
    trace,
    activations: [],
  } as unknown as TaskHistory["record"];
  return {
    id,
    record,
    events,
    steps: ["m1", "m1.c1"].map((step) => ({ activation: "a#1", step, state: "done", idempotencyKey: "k1" })),
    ledger: { inputTokens: 60, outputTokens: 40, reservedTokens: 0, costUsd: null },
    phases: ["Pending", "Running", "Succeeded"],
    heads: [{ seq: 5, head: events[4]?.hash ?? "" }],
    ceiling: 100,
    mayEndWith: [],
    ...more,
  };
}

const good: History = {
  tasks: [taskOf(DRAFTS)],
  calls: [{ ...call, seq: 7 }],
  turns: [{ task: id, tokens: 90 }],
  retriesByPerson: [],
  canaries: ["canary"],
  sinks: { trace: "nothing of it" },
  leftovers: [],
};

function withTask(drafts: readonly TraceDraft[], more: Partial<TaskHistory> = {}): History {
  return { ...good, tasks: [taskOf(drafts, more)] };
}

/** The drafts with one more behind the position (counted from 1). */
function inserted(behind: number, draft: TraceDraft): readonly TraceDraft[] {
  return [...DRAFTS.slice(0, behind), draft, ...DRAFTS.slice(behind)];
}

function changed(position: number, data: Readonly<Record<string, unknown>>): readonly TraceDraft[] {
  return DRAFTS.map((draft, index) =>
    index === position - 1 ? { ...draft, data: { ...draft.data, ...data } } : draft,
  );
}

it("finds nothing in a good history", () => {
  expect(judgeHistory(good)).toEqual([]);
});

const CALLED = DRAFTS[6] ?? { ...where, type: "tool.called" };
const APPROVED: TraceDraft = {
  ...where,
  type: "approval.decided",
  step: "m1.c1",
  data: { about: "approval", answer: "approved" },
};
const PROGRESS: TraceDraft = { ...where, type: "tool.progress", step: "m1.c1", data: { progress: { done: 1 } } };
const together = { limits: { tokens: 1_000, steps: 10 }, tokens: 90, steps: 2 };

/** The call is one of `pay`; what is given stands before it. */
function paid(...before: readonly TraceDraft[]): History {
  const call = { tool: "pay" };
  const drafts = [...DRAFTS.slice(0, 6), ...before, ...changed(7, call).slice(6)];
  return withTask(
    drafts.map((draft) => (draft.type === "tool.called" ? { ...draft, data: { ...draft.data, ...call } } : draft)),
    {
      heads: [],
    },
  );
}

const [task] = good.tasks;
const flipped = task?.events.map((event) => (event.seq === 5 ? { ...event, model: "another" } : event)) ?? [];

const DOCTORED: readonly (readonly [what: string, invariant: string, history: History])[] = [
  ["an epoch that falls", "I1 epochs", withTask(inserted(2, { ...where, epoch: 2, type: "agent.started" }))],
  [
    "an epoch that is given out twice",
    "I1 epochs",
    withTask(inserted(2, { ...where, type: "task.taken_over", data: { runner: "r2" } })),
  ],
  [
    "a gap in the journal",
    "I1 epochs",
    { ...good, tasks: [taskOf(DRAFTS, { events: (task?.events ?? []).filter(({ seq }) => seq !== 4) })] },
  ],
  ["a write that was made twice", "I2 effects once", { ...good, calls: [...good.calls, ...good.calls] }],
  [
    "one key for two steps",
    "I2 effects once",
    withTask(
      inserted(7, {
        ...where,
        type: "tool.called",
        turn: 1,
        step: "m1.c2",
        data: { ...call, decisionId: "d2", effect: "read" },
      }),
    ),
  ],
  [
    "two keys for one step",
    "I2 effects once",
    withTask(
      inserted(7, {
        ...where,
        type: "tool.called",
        turn: 1,
        step: "m1.c1",
        data: { ...call, idempotencyKey: "k2", decisionId: "d2", effect: "idempotent" },
      }),
    ),
  ],
  ["a call that is in no trace", "I3 effects allowed", { ...good, calls: [{ ...call, idempotencyKey: "k9" }] }],
  [
    "a call with other arguments",
    "I3 effects allowed",
    { ...good, calls: [{ ...call, argumentsDigest: "sha256:other" }] },
  ],
  ["a call before its record", "I3 effects allowed", { ...good, calls: [{ ...call, seq: 6 }] }],
  ["a call that was denied", "I3 effects allowed", withTask(changed(6, { effect: "deny" }))],
  ["a turn that was denied", "I3 effects allowed", withTask(changed(3, { effect: "deny" }))],
  [
    "a byte of the trace that was flipped",
    "I3 effects allowed",
    { ...good, tasks: [taskOf(DRAFTS, { events: flipped })] },
  ],
  [
    "a tail that was cut",
    "I3 effects allowed",
    { ...good, tasks: [taskOf(DRAFTS, { events: (task?.events ?? []).slice(0, -1) })] },
  ],
  ["a turn that nobody approved", "I3 effects allowed", { ...good, asksTurns: true }],
  ["a call that nobody approved", "I3 effects allowed", { ...paid(), asks: ["pay"] }],
  [
    "an approval that was used twice",
    "I3 effects allowed",
    { ...paid(APPROVED, { ...CALLED, step: "m1.c1.r1" }), asks: ["pay"] },
  ],
  ["progress of a call that is done", "I3 effects allowed", withTask(inserted(8, { ...PROGRESS, epoch: 1 }))],
  ["progress told by another holder", "I3 effects allowed", withTask(inserted(7, { ...PROGRESS, epoch: 2 }))],
  [
    "an acknowledged event that is gone",
    "I4 results kept",
    withTask(DRAFTS, { heads: [{ seq: 5, head: "sha256:gone" }] }),
  ],
  [
    "a turn that was answered and is called again",
    "I4 results kept",
    withTask(inserted(5, { ...where, type: "model.called", turn: 1, step: "m1.r1", data: { decisionId: "d1" } })),
  ],
  ["an agent that finished twice", "I4 results kept", withTask(inserted(9, { ...where, type: "agent.finished" }))],
  ["a result that is in no step", "I4 results kept", withTask(DRAFTS, { steps: [] })],
  [
    "a task that has not ended",
    "I5 tasks end",
    withTask(DRAFTS, { record: { ...taskOf(DRAFTS).record, phase: "Running" } }),
  ],
  [
    "a task that ended badly without a reason",
    "I5 tasks end",
    withTask(DRAFTS, {
      record: { ...taskOf(DRAFTS).record, phase: "Failed", lastError: { code: "BUG", message: "" } },
    }),
  ],
  ["a task that is charged too little", "I6 budgets", { ...good, turns: [{ task: id, tokens: 101 }] }],
  [
    "a task that spent too much",
    "I6 budgets",
    withTask(DRAFTS, { ledger: { inputTokens: 201, outputTokens: 0, reservedTokens: 0, costUsd: null } }),
  ],
  ["more spent together than is allowed", "I6 budgets", { ...good, shared: { ...together, tokens: 1_001 } }],
  ["more calls together than are allowed", "I6 budgets", { ...good, shared: { ...together, steps: 11 } }],
  ["less charged together than is billed", "I6 budgets", { ...good, shared: { ...together, tokens: 89 } }],
  ["a call that no shared ledger counts", "I6 budgets", { ...good, shared: { ...together, steps: 1 } }],
  ["something left behind", "I7 nothing left", { ...good, leftovers: ["the process 42"] }],
  ["a secret in a sink", "I8 secrets inside", { ...good, sinks: { log: "it is canary" } }],
  ["a phase that follows an end", "I9 phases", withTask(DRAFTS, { phases: ["Running", "Succeeded", "Running"] })],
  [
    "a task that goes on after its end, though nobody retried it",
    "I9 phases",
    withTask(DRAFTS, { phases: ["Running", "Failed", "Pending", "Succeeded"] }),
  ],
  ["a phase that goes back to the beginning", "I9 phases", withTask(DRAFTS, { phases: ["Running", "Pending"] })],
];

it.each(DOCTORED)("finds %s", (_what, name, history) => {
  const breaches = judgeHistory(history);
  expect(breaches.length).toBeGreaterThan(0);
  expect(breaches.some((breach) => breach.startsWith(`${name}:`))).toBe(true);
});

it("takes a write that a person wanted again for no breach", () => {
  const retriesByPerson = [{ task: id, activation: "a#1", step: "m1.c1" }];
  expect(judgeHistory({ ...good, calls: [...good.calls, ...good.calls], retriesByPerson })).toEqual([]);
});

it("takes a write that its verify tool knows nothing of for one that may be made again", () => {
  const verdict = { about: "unknown-effect", answer: "retry", by: "tool check" };
  const told = inserted(7, { ...where, type: "approval.decided", step: "m1.c1", data: verdict });
  expect(judgeHistory({ ...withTask(told), calls: [...good.calls, ...good.calls] })).toEqual([]);
});

it("finds nothing in a call that was approved, a shared ledger that holds, and a task that somebody retried", () => {
  expect(judgeHistory({ ...paid(APPROVED), asks: ["pay"], calls: [], shared: together })).toEqual([]);
  const phases = ["Running", "Failed", "Pending", "Running", "Succeeded"] as const;
  expect(judgeHistory(withTask(DRAFTS, { phases, retries: 1 }))).toEqual([]);
});

it("lets phases be missed by whoever looks now and then", () => {
  expect(judgeHistory(withTask(DRAFTS, { phases: ["Pending", "Unknown", "Succeeded"] }))).toEqual([]);
});
