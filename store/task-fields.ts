// The fields of a task's hash and of its activations, read back into the formats of contracts/.
import { IDENTITY_KINDS, type Identity } from "../contracts/approval.ts";
import type { FailureRecord } from "../contracts/failure.ts";
import type { GraphState } from "../contracts/graph.ts";
import type { StepRecord } from "../contracts/step.ts";
import {
  ACTIVATION_PHASES,
  type ActivationPhase,
  type ActivationRecord,
  hasEnded,
  type Message,
  TASK_PHASES,
  type TaskPhase,
  type TaskRecord,
  type TaskRef,
  type TaskSource,
  type TaskTrigger,
} from "../contracts/task.ts";
import { type RetryManner, TASK_DEFAULTS } from "../contracts/task-rules.ts";
import { readTerms } from "./bell-terms.ts";
import { readChainHead } from "./chain.ts";
import { LEDGER_FIELDS, readLedger } from "./ledger.ts";
import {
  corrupt,
  isObject,
  jsonOf,
  listOf,
  numberOf,
  numberOrNull,
  objectOf,
  textOf,
  textOrNull,
  textsOf,
} from "./reply.ts";

export type Fields = Readonly<Record<string, string>>;

/** `order` names the activations in the order in which they were made. */
export function readTaskRecord(
  ref: TaskRef,
  fields: Fields,
  activations: Fields,
  order: readonly string[],
): TaskRecord {
  const what = `the task ${ref.namespace}/${ref.name}`;
  const phase = readTaskPhase(what, fields["phase"]);
  const ledger = ledgerOf(what, fields);
  const records = order.map((id) => readActivation(`${what}, activation ${id}`, id, activations, phase));
  return {
    name: ref.name,
    namespace: ref.namespace,
    system: textOf(what, fields["system"]),
    phase,
    attempts: Math.max(0, ...records.map((record) => record.attempts)),
    input: readTexts(what, fields["input"]),
    ...readTerms(what, fields["priority"]),
    output: fields["output"] === "" ? null : readTexts(what, fields["output"]),
    tokens: { input: ledger.inputTokens, output: ledger.outputTokens },
    costUsd: ledger.costUsd,
    budget: {
      reservedTokens: ledger.reservedTokens,
      reservedUsd: ledger.reservedMicroUsd / 1_000_000,
      steps: ledger.steps,
      calls: ledger.calls,
    },
    createdAt: textOf(what, fields["createdAt"]),
    startedAt: readTime(what, fields["startedAtMs"]),
    finishedAt: readTime(what, fields["finishedAtMs"]),
    ...(fields["lastError"] === "" ? {} : { lastError: readError(what, fields["lastError"]) }),
    ...(fields["source"] === "" ? {} : { source: readSource(what, fields["source"]) }),
    // Tasks of earlier versions have no such field.
    ...((fields["trigger"] ?? "") === "" ? {} : { trigger: readTrigger(what, fields["trigger"]) }),
    ...requesterOf(what, fields["requestedBy"]),
    snapshot: textOf(what, fields["snapshot"]),
    plan: textOrNull(what, fields["plan"]),
    ...(fields["erasedAt"] === undefined
      ? {}
      : { erased: { at: fields["erasedAt"], left: textOf(what, fields["erased"]) } }),
    trace: readChainHead(what, fields["seq"], fields["head"]),
    activations: records,
  };
}

/** An activation that was open when its task ended is cancelled: nobody can claim it or write under its lease. */
function readActivation(what: string, id: string, fields: Fields, taskPhase: TaskPhase): ActivationRecord {
  const phase = readActivationPhase(what, fields[`${id}/phase`]);
  const isOpen = phase === "Runnable" || phase === "Leased" || phase === "Waiting" || phase === "Unknown";
  return {
    id,
    agent: textOf(what, fields[`${id}/agent`]),
    phase: isOpen && hasEnded(taskPhase) ? "Cancelled" : phase,
    holder: textOrNull(what, fields[`${id}/holder`]),
    epoch: numberOf(what, fields[`${id}/epoch`]),
    attempts: numberOf(what, fields[`${id}/attempts`]),
    messages: readMessages(what, fields[`${id}/messages`]),
  };
}

export function readTaskPhase(what: string, value: unknown): TaskPhase {
  const phase = TASK_PHASES.find((candidate) => candidate === value);
  if (phase === undefined) throw corrupt(what, `\`${String(value)}\` is no phase`);
  return phase;
}

function readActivationPhase(what: string, value: unknown): ActivationPhase {
  const phase = ACTIVATION_PHASES.find((candidate) => candidate === value);
  if (phase === undefined) throw corrupt(what, `\`${String(value)}\` is no phase of an activation`);
  return phase;
}

/** Absent in tasks that an older version made. */
export function readRetry(what: string, value: unknown): RetryManner {
  if (value === undefined) return TASK_DEFAULTS.retry;
  const { maxBackoffMs, jitter, nonRetryable } = objectOf(what, jsonOf(what, value));
  if (jitter !== "none" && jitter !== "full" && jitter !== "equal") throw corrupt(what, "its retries cannot be read");
  return { maxBackoffMs: numberOf(what, maxBackoffMs), jitter, nonRetryable: textsOf(what, nonRetryable) };
}

/** The store carries the graph's state and does not read it; runner/graph knows its inside. */
export function readGraphState(what: string, value: unknown): GraphState {
  const state = objectOf(what, jsonOf(what, value));
  if (!isObject(state["visits"]) || typeof state["open"] !== "number") throw corrupt(what, "its graph cannot be read");
  return state as unknown as GraphState;
}

export function readMessages(what: string, value: unknown): readonly Message[] {
  return listOf(what, jsonOf(what, value)).map((item) => {
    const message = objectOf(what, item);
    return {
      id: textOf(what, message["id"]),
      from: textOf(what, message["from"]),
      text: textOf(what, message["text"]),
      ...labelsOf(what, message["labels"]),
    };
  });
}

/** Whose labels cannot be read must not pass for one without. */
function labelsOf(what: string, value: unknown): Pick<Message, "labels"> {
  if (value === undefined) return {};
  const labels = listOf(what, value).map((item) => {
    const { label, from } = objectOf(what, item);
    return { label: textOf(what, label), from: textOf(what, from) };
  });
  return { labels };
}

/** As opaque as the graph's state: written and read by the runner. */
export function readStep(what: string, value: unknown): StepRecord {
  const step = objectOf(what, jsonOf(what, value));
  if (typeof step["step"] !== "string" || typeof step["state"] !== "string")
    throw corrupt(what, "a step cannot be read");
  return step as unknown as StepRecord;
}

export function ledgerOf(what: string, fields: Fields): ReturnType<typeof readLedger> {
  return readLedger(
    what,
    LEDGER_FIELDS.map((field) => fields[field]),
  );
}

export function readTexts(what: string, value: unknown): Readonly<Record<string, string>> {
  const found = objectOf(what, jsonOf(what, value));
  return Object.fromEntries(Object.entries(found).map(([name, text]) => [name, textOf(what, text)]));
}

export function readTime(what: string, value: unknown): string | null {
  const ms = numberOrNull(what, value);
  return ms === null ? null : new Date(ms).toISOString();
}

function readError(what: string, value: unknown): FailureRecord {
  const { code, message, details } = objectOf(what, jsonOf(what, value));
  const error = { code: textOf(what, code), message: textOf(what, message) };
  return isObject(details) ? { ...error, details } : error;
}

function readSource(what: string, value: unknown): TaskSource {
  const source = objectOf(what, jsonOf(what, value));
  const { commit } = source;
  return {
    commit: commit === null ? null : textOf(what, commit),
    file: textOf(what, source["file"]),
    line: numberOf(what, source["line"]),
  };
}

function readTrigger(what: string, value: unknown): TaskTrigger {
  const { kind, address, slot, event } = objectOf(what, jsonOf(what, value));
  if (kind === "schedule") return { kind, address: textOf(what, address), slot: textOf(what, slot) };
  if (kind === "webhook") return { kind, address: textOf(what, address), event: textOf(what, event) };
  throw corrupt(what, "it was made by nothing that is known");
}

/** Tasks of earlier versions have no such field. */
function requesterOf(what: string, value: string | undefined): Pick<TaskRecord, "requestedBy"> {
  return value === undefined || value === "" ? {} : { requestedBy: readIdentity(what, jsonOf(what, value)) };
}

export function readIdentity(what: string, value: unknown): Identity {
  const { kind, name, id } = objectOf(what, value);
  const known = IDENTITY_KINDS.find((candidate) => candidate === kind);
  if (known === undefined) throw corrupt(what, `\`${String(kind)}\` is no kind of identity`);
  return { kind: known, name: textOf(what, name), ...(id === undefined ? {} : { id: numberOf(what, id) }) };
}
