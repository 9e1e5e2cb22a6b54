// The nine invariants of a run, each a pure function of its history. Each is shown able to fail in invariants.test.ts.
import { hasEnded, type TaskPhase } from "../../contracts/task.ts";
import { type TraceEvent, verifyChain } from "../../contracts/trace.ts";
import {
  type History,
  type Invariant,
  type PersonsWord,
  type TaskHistory,
  type ToldCall,
  toldCalls,
} from "./history.ts";

/** One epoch per journal position; the epochs of an activation never fall, and each is given out once. */
const epochsHold: Invariant = ({ tasks }) =>
  tasks.flatMap(({ id, events }) => {
    const last = new Map<string, { epoch: number; runner: unknown }>();
    const breaches: string[] = [];
    for (const [index, event] of events.entries()) {
      const { seq, activation, epoch } = event;
      if (seq !== index + 1) breaches.push(`${id}: position ${index + 1} of the journal holds event ${seq}`);
      if (activation === undefined || epoch === undefined) continue;
      const before = last.get(activation);
      if (before !== undefined && epoch < before.epoch) {
        breaches.push(`${id} ${seq}: ${activation} wrote under epoch ${epoch} after ${before.epoch}`);
      }
      const isOpening = event.type === "task.claimed" || event.type === "task.taken_over";
      if (isOpening && before?.epoch === epoch && before.runner !== undefined) {
        breaches.push(`${id} ${seq}: epoch ${epoch} of ${activation} was given out twice`);
      }
      last.set(activation, {
        epoch,
        runner: isOpening ? event["runner"] : before?.epoch === epoch ? before.runner : undefined,
      });
    }
    return breaches;
  });

/** A write is carried out at most once without a word of a person or of its verify tool, an idempotent call once per key. */
const effectsHappenOnce: Invariant = (history) => {
  const verdicts = history.tasks.flatMap(verdictsToRepeat);
  const told = history.tasks.flatMap(toldCalls);
  const keys = new Map(told.map((call) => [call.idempotencyKey, call]));
  const breaches = told.flatMap((call) => {
    const other = keys.get(call.idempotencyKey);
    const steps = [call, ...(other === undefined ? [] : [other])].map(stepName);
    return new Set(steps).size === 1 ? [] : [`one idempotency key for two steps: ${steps.join(" and ")}`];
  });
  const stepKeys = groupBy(told, stepName);
  for (const [step, calls] of stepKeys) {
    if (new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size > 1)
      breaches.push(`two idempotency keys for ${step}`);
  }
  for (const [key, call] of keys) {
    const seen = history.calls.filter(({ idempotencyKey }) => idempotencyKey === key).length;
    const allowed =
      1 + [...history.retriesByPerson, ...verdicts].filter((word) => stepName(word) === stepName(call)).length;
    if (call.effect === "write" && seen > allowed) breaches.push(`the write ${stepName(call)} was made ${seen} times`);
  }
  return breaches;
};

/** The verify tool of a write said that it has not happened. */
function verdictsToRepeat({ id, events }: TaskHistory): readonly PersonsWord[] {
  return events
    .filter((event) => event.type === "approval.decided" && event["about"] === "unknown-effect")
    .filter((event) => event["answer"] === "retry" && String(event["by"]).startsWith("tool "))
    .map(({ activation = "", step = "" }) => ({ task: id, activation, step }));
}

/** Every try of a call belongs to the same step, and reaches the tool with the same key. */
function stepName({ task, activation, step }: Pick<ToldCall, "task" | "activation" | "step">): string {
  return `${task} ${activation} ${step.replace(RETRY_OF_STEP, "")}`;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** Each effect that a fake saw was allowed before, for these arguments; each decision is in a chain that verifies. */
const effectsWereAllowed: Invariant = (history) => {
  const told = history.tasks.flatMap((task) => toldCalls(task).map((call) => ({ call, events: task.events })));
  const unheard = history.calls.flatMap(({ idempotencyKey, argumentsDigest, seq }) => {
    const what = `the call with key ${idempotencyKey}`;
    const calls = told.filter(({ call }) => call.idempotencyKey === idempotencyKey);
    if (calls.length === 0) return [`${what} is in no trace`];
    const fitting = calls.filter(({ call }) => call.argumentsDigest === argumentsDigest);
    if (fitting.length === 0) return [`${what} had other arguments than the trace tells`];
    const before = fitting.filter(({ call }) => seq === undefined || call.seq <= seq);
    if (before.length === 0) return [`${what} came before its record`];
    return before.some(({ call, events }) => isAllowed(events, call)) ? [] : [`${what} was never allowed`];
  });
  const broken = history.tasks.flatMap(({ id, events, record }) => {
    const verdict = verifyChain(id, events, record.trace);
    return verdict.outcome === "intact" ? [] : [`${id}: the chain is ${verdict.reason} at ${verdict.seq}`];
  });
  const asks = new Set(history.asks);
  const unapproved = told
    .filter(({ call }) => asks.has(call.tool))
    .flatMap(({ call, events }) => unasked(events, call));
  const unapprovedTurns = history.asksTurns === true ? history.tasks.flatMap(turnsWithoutApproval) : [];
  const ofTurns = history.tasks.flatMap(turnsWithoutDecision);
  const ofCalls = history.tasks.flatMap(progressOfNoCall);
  return [...unheard, ...broken, ...unapproved, ...unapprovedTurns, ...ofTurns, ...ofCalls];
};

/** What is told of a call is told while it is at work, by the holder that makes it. */
function progressOfNoCall({ id, events }: TaskHistory): string[] {
  const atWork = new Map<string, TraceEvent>();
  return events.flatMap((event) => {
    const { type, activation, step, epoch, seq } = event;
    const place = `${activation} ${step}`;
    if (type === "tool.called") atWork.set(place, event);
    if (type === "tool.answered" || type === "tool.failed") atWork.delete(place);
    if (type !== "tool.progress" || atWork.get(place)?.epoch === epoch) return [];
    return [`${id} ${seq}: progress of ${place}, which is not at work under epoch ${epoch}`];
  });
}

/** A call that a person is asked about needs an approval of its own, given before it. */
function unasked(events: readonly TraceEvent[], call: ToldCall): string[] {
  const isOfStep = ({ activation, step, seq }: TraceEvent): boolean =>
    activation === call.activation &&
    step?.replace(RETRY_OF_STEP, "") === call.step.replace(RETRY_OF_STEP, "") &&
    seq <= call.seq;
  const before = events.filter(isOfStep);
  const given = before.filter(
    (event) => event.type === "approval.decided" && event["about"] === "approval" && event["answer"] === "approved",
  );
  const begun = before.filter(({ type }) => type === "tool.called");
  return begun.length <= given.length
    ? []
    : [`${call.task} ${call.seq}: ${stepName(call)} began ${begun.length} times on ${given.length} approvals`];
}

const RETRY_OF_STEP = /\.r\d+$/;

function isAllowed(events: readonly TraceEvent[], { decisionId, argumentsDigest, seq }: ToldCall): boolean {
  return events.some(
    (event) =>
      event.type === "tool.decided" &&
      event.seq < seq &&
      event["decisionId"] === decisionId &&
      event["argumentsDigest"] === argumentsDigest &&
      permits(event),
  );
}

function permits(decision: TraceEvent): boolean {
  return decision["effect"] === "allow" || decision["enforced"] === false;
}

/** One that was given before, and since a person last let the task go on: all tries of a turn are under the same. */
function turnsWithoutApproval({ id, events }: TaskHistory): string[] {
  return events.flatMap(({ type, activation, turn, seq }, index) => {
    if (type !== "model.called") return [];
    const before = events.slice(0, index);
    const retried = before.findLastIndex((event) => event.type === "retry.scheduled" && event["what"] === "task");
    const isGiven = before
      .slice(retried + 1)
      .some(
        (event) =>
          event.type === "approval.decided" &&
          event["answer"] === "approved" &&
          event["model"] !== undefined &&
          event.activation === activation &&
          event.turn === turn,
      );
    return isGiven ? [] : [`${id} ${seq}: turn ${turn} of ${activation} was not approved`];
  });
}

function turnsWithoutDecision({ id, events }: TaskHistory): string[] {
  const turns = events.filter(({ type }) => type === "model.called");
  return turns.flatMap((turn) => {
    const decision = events.find(
      ({ type, ...event }) => type === "turn.decided" && event["decisionId"] === turn["decisionId"],
    );
    return decision !== undefined && decision.seq < turn.seq && permits(decision)
      ? []
      : [`${id} ${turn.seq}: a turn that was not allowed`];
  });
}

/** Nothing that was recorded as done is lost or done again, and no end of the chain that somebody was told of is gone. */
const resultsAreKept: Invariant = ({ tasks }) =>
  tasks.flatMap(({ id, events, steps, heads, record }) => {
    // Whoever is done will not be taken up again: the steps went with it.
    const isDone = (name: string | undefined): boolean =>
      record.activations.some((activation) => activation.id === name && activation.phase === "Done");
    const isKept = (activation: string | undefined, step: string | undefined): boolean =>
      isDone(activation) ||
      steps.some((kept) => kept.activation === activation && kept.step === step && kept.state === "done");
    const breaches = heads.flatMap(({ seq, head }) => {
      return seq === 0 || events[seq - 1]?.hash === head ? [] : [`${id}: the acknowledged event ${seq} is gone`];
    });
    const done = new Map<string, number>();
    for (const { type, activation, step, turn, seq } of events) {
      const place = type.startsWith("model.") ? `turn ${turn} of ${activation}` : `${step} of ${activation}`;
      const before = done.get(place);
      const isCall = type === "model.called" || type === "tool.called";
      if (isCall && before !== undefined)
        breaches.push(`${id} ${seq}: ${place} was done at ${before} and is called again`);
      if (type === "model.answered" || type === "tool.answered") done.set(place, seq);
      if (type === "agent.finished") {
        if (done.has(`${activation}`)) breaches.push(`${id} ${seq}: ${activation} finished twice`);
        done.set(`${activation}`, seq);
      }
      const isResult = type === "model.answered" || type === "tool.answered";
      if (isResult && !isKept(activation, step)) {
        breaches.push(`${id} ${seq}: the result of ${place} is in no step`);
      }
    }
    return breaches;
  });

/** Every task has ended, and well, but for reasons that the run gave it. */
const tasksEnd: Invariant = ({ tasks }) =>
  tasks.flatMap(({ id, record, mayEndWith }) => {
    if (!hasEnded(record.phase)) return [`${id} has not ended: ${record.phase}`];
    if (record.phase === "Succeeded") return [];
    const code = record.phase === "Cancelled" ? "CANCELLED" : (record.lastError?.code ?? "without a reason");
    return mayEndWith.includes(code) ? [] : [`${id} ended ${record.phase} with ${code}`];
  });

/** Charged at least what providers bill, and never over the limit by more than one reservation. */
const budgetsHold: Invariant = (history) => [...sharedBudgetsHold(history), ...tasksAreCharged(history)];

/** Of what is shared nothing is over: it is reserved before, and given back only by whoever reserved it. */
function sharedBudgetsHold({ shared, turns, calls }: History): string[] {
  if (shared === undefined || shared === null) return [];
  const billed = turns.reduce((sum, { tokens }) => sum + tokens, 0);
  const made = turns.length + calls.length;
  const { limits, tokens, steps } = shared;
  return [
    ...(tokens < billed ? [`together: ${billed} tokens are billed, ${tokens} are charged`] : []),
    ...(tokens > limits.tokens ? [`together: ${tokens} tokens are charged, ${limits.tokens} allowed`] : []),
    ...(steps < made ? [`together: ${made} calls were made, ${steps} are charged`] : []),
    ...(steps > limits.steps ? [`together: ${steps} calls are charged, ${limits.steps} allowed`] : []),
  ];
}

const tasksAreCharged: Invariant = ({ tasks, turns }) =>
  tasks.flatMap(({ id, ledger, events, ceiling }) => {
    const charged = ledger.inputTokens + ledger.outputTokens + ledger.reservedTokens;
    const billed = turns.filter(({ task }) => task === id).reduce((sum, { tokens }) => sum + tokens, 0);
    const largest = Math.max(0, ...events.map((event) => Number(event["reserveTokens"] ?? 0)));
    return [
      ...(charged < billed ? [`${id}: ${billed} tokens are billed, ${charged} are charged`] : []),
      ...(ceiling !== null && charged > ceiling + largest
        ? [`${id}: ${charged} tokens are charged, ${ceiling} allowed`]
        : []),
    ];
  });

const nothingIsLeft: Invariant = ({ leftovers }) => leftovers.map((left) => `left behind: ${left}`);

const secretsStayInside: Invariant = ({ canaries, sinks }) =>
  Object.entries(sinks).flatMap(([name, text]) =>
    canaries.filter((canary) => text.includes(canary)).map(() => `a secret is in ${name}`),
  );

type Phases = Readonly<Record<TaskPhase, readonly TaskPhase[]>>;

/** To itself a phase always leads: whoever looks twice may see it twice. */
const LEGAL: Phases = {
  Pending: ["Running", "Cancelled", "Failed"],
  Running: ["WaitingApproval", "Unknown", "Succeeded", "Failed", "DeadLetter", "Cancelled"],
  WaitingApproval: ["Running", "Unknown", "Failed", "DeadLetter", "Cancelled"],
  Unknown: ["Running", "Succeeded", "Failed", "DeadLetter", "Cancelled"],
  Succeeded: [],
  Failed: [],
  DeadLetter: [],
  Cancelled: [],
};

/** Of a task that a person let go on. */
const RETRIED: Phases = { ...LEGAL, Failed: ["Pending"], DeadLetter: ["Pending"] };

/** From an end it goes on only by a person's word, once for each. */
const phasesAreLegal: Invariant = ({ tasks }) =>
  tasks.flatMap(({ id, phases, retries = 0 }) => {
    const pairs = phases.slice(1).map((to, index) => ({ from: phases[index] ?? to, to }));
    const next = retries > 0 ? RETRIED : LEGAL;
    const illegal = pairs.filter(({ from, to }) => to !== from && !leadsTo(next, from, to));
    const risen = pairs.filter(({ from, to }) => hasEnded(from) && !hasEnded(to)).length;
    return [
      ...illegal.map(({ from, to }) => `${id} went from ${from} to ${to}`),
      ...(risen > retries ? [`${id} went on ${risen} times after its end, and was retried ${retries} times`] : []),
    ];
  });

/** Over any number of phases that nobody saw. */
function leadsTo(graph: Phases, from: TaskPhase, to: TaskPhase, seen: readonly TaskPhase[] = []): boolean {
  return graph[from].some((next) => next === to || (!seen.includes(next) && leadsTo(graph, next, to, [...seen, next])));
}

const INVARIANTS: Readonly<Record<string, Invariant>> = {
  "I1 epochs": epochsHold,
  "I2 effects once": effectsHappenOnce,
  "I3 effects allowed": effectsWereAllowed,
  "I4 results kept": resultsAreKept,
  "I5 tasks end": tasksEnd,
  "I6 budgets": budgetsHold,
  "I7 nothing left": nothingIsLeft,
  "I8 secrets inside": secretsStayInside,
  "I9 phases": phasesAreLegal,
};

/** All breaches of a run, each with its invariant's name. */
export function judgeHistory(history: History): string[] {
  return Object.entries(INVARIANTS).flatMap(([name, holds]) => holds(history).map((breach) => `${name}: ${breach}`));
}
