// A gate on a table: an honest recorder in memory, a model and tools whose effects a real HTTP server sees.

import type { ModelAnswer, StepRecord, ToolCall } from "../../../contracts/step.ts";
import { chainStart, type TraceDraft, type TraceEvent } from "../../../contracts/trace.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../../../policies/policy-set.ts";
import type { CallHistory } from "../../../policies/request.ts";
import { createArgumentCheck } from "../../../runner/gate/arguments.ts";
import type { GateOptions } from "../../../runner/gate/ask.ts";
import { CarriedLabels } from "../../../runner/gate/carried.ts";
import { createGate, type Gate } from "../../../runner/gate/gate.ts";
import { realPath } from "../../../runner/gate/real-path.ts";
import type { RecordAnswer, RecordChange, Recorder } from "../../../runner/gate/recorder.ts";
import { createRedactor } from "../../../runner/gate/redact.ts";
import type { Model, ModelRequest } from "../../../runner/models/model.ts";
import type { Tool } from "../../../runner/tools/tool.ts";
import { afterCharge, type Charge, type Ledger } from "../../../store/ledger.ts";
import { chainedEvents } from "../../contracts/chained.ts";

const EMPTY_LEDGER: Ledger = {
  inputTokens: 0,
  outputTokens: 0,
  reservedTokens: 0,
  costUsd: 0,
  reservedMicroUsd: 0,
  steps: 0,
  calls: {},
};

/** Keeps what the store would keep, refuses what it would refuse; `fail` breaks it from the n-th record on. */
export class MemoryRecorder implements Recorder {
  readonly events: TraceDraft[] = [];
  readonly steps = new Map<string, StepRecord>();
  readonly failures: { readonly from: number; readonly error: Error } | undefined;
  spent: Ledger = EMPTY_LEDGER;
  lease: Error | undefined;
  #records = 0;

  constructor(fail?: { readonly from: number; readonly error: Error }) {
    this.failures = fail;
  }

  ledger(): Ledger {
    return this.spent;
  }

  checkLease(): void {
    if (this.lease !== undefined) throw this.lease;
  }

  async record(drafts: readonly TraceDraft[], change: RecordChange = {}): Promise<RecordAnswer> {
    this.#records += 1;
    if (this.failures !== undefined && this.#records >= this.failures.from) throw this.failures.error;
    if (change.charge !== undefined && !this.#charge(change.charge)) return { outcome: "over-budget" };
    this.events.push(...drafts);
    if (change.step !== undefined) this.steps.set(change.step.step, change.step);
    return { outcome: "appended" };
  }

  /** As if the next record came at once. */
  defer(drafts: readonly TraceDraft[], change: RecordChange = {}): void {
    if (change.charge !== undefined) this.#charge(change.charge);
    this.events.push(...drafts);
    if (change.step !== undefined) this.steps.set(change.step.step, change.step);
  }

  types(): string[] {
    return this.events.map((event) => event.type);
  }

  /** As they would stand in a chain: fails where an event holds what JSON cannot. */
  chain(): TraceEvent[] {
    return chainedEvents("default/weekly", { seq: 0, head: chainStart("default/weekly") }, this.events);
  }

  #charge(charge: Charge): boolean {
    const after = afterCharge(this.spent, charge);
    if (charge.kind === "reserve") {
      const { inputTokens, outputTokens, reservedTokens } = after;
      if (charge.limit !== null && inputTokens + outputTokens + reservedTokens > charge.limit) return false;
    }
    this.spent = after;
    return true;
  }
}

export function postingTool(url: string, change: Partial<Tool> = {}): Tool {
  return {
    definition: { name: "search", description: "Searches.", inputSchema: { type: "object" } },
    definitionDigest: "sha256:definition",
    effect: "read",
    capabilities: [],
    operationClasses: ["read"],
    timeoutMs: 5_000,
    call: async (args, { idempotencyKey, signal }) => {
      const headers = { "Idempotency-Key": idempotencyKey };
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(args), signal });
      return { text: await response.text(), isError: false };
    },
    ...change,
  };
}

export function postingModel(url: string, answer: Partial<ModelAnswer> = {}): Model {
  return {
    provider: "openai",
    complete: async (request, signal) => {
      await (await fetch(url, { method: "POST", body: request.model, signal })).text();
      return {
        text: "done",
        toolCalls: [],
        inputTokens: 40,
        outputTokens: 10,
        finishReason: "stop",
        provider: "openai",
        model: "gpt-4o-2026",
        ...answer,
      };
    },
  };
}

export interface DeskWish {
  readonly policies?: readonly PolicySource[];
  readonly live?: () => Promise<PolicySet>;
  readonly tools?: readonly Tool[];
  readonly listed?: readonly string[];
  readonly recorder?: Recorder;
  readonly secrets?: readonly string[];
  readonly activation?: string;
  readonly input?: Readonly<Record<string, string>>;
  readonly carried?: CarriedLabels;
  readonly history?: CallHistory;
}

export function openGate(wish: DeskWish): Gate {
  return createGate(gateOptions(wish));
}

export function gateOptions(wish: DeskWish): GateOptions {
  const tools = wish.tools ?? [];
  let ids = 0;
  return {
    task: { env: "test", namespace: "default", name: "weekly" },
    activation: wish.activation ?? "writer#1",
    subject: { namespace: "default", system: "reports", task: "weekly", agent: "writer" },
    grants: { tools: wish.listed ?? tools.map((tool) => tool.definition.name), allowedTools: [], roles: [] },
    input: wish.input ?? {},
    realPath,
    policies: compilePolicies(wish.policies ?? [], "sha256:pinned"),
    ...(wish.live === undefined ? {} : { livePolicies: wish.live }),
    toolBox: { find: (name) => tools.find((tool) => tool.definition.name === name), close: async () => undefined },
    carried: wish.carried ?? new CarriedLabels(),
    ...(wish.history === undefined ? {} : { history: async () => wish.history ?? { succeeded: [], begun: [] } }),
    recorder: wish.recorder ?? new MemoryRecorder(),
    redactor: createRedactor(wish.secrets ?? []),
    argumentCheck: createArgumentCheck(),
    clock: { now: () => new Date("2026-01-01T00:00:00.000Z"), monotonicMs: () => 0 },
    newId: () => `d${(ids += 1)}`,
  };
}

export function modelAsk(model: Model, change: Partial<ModelRequest> = {}, retry = 0) {
  const request: ModelRequest = {
    model: "gpt-4o",
    agent: "writer",
    turn: 1,
    system: "Write.",
    messages: [{ role: "user", text: "Now." }],
    tools: [],
    maxOutputTokens: 100,
    ...change,
  };
  return { turn: request.turn, retry, request, model, price: null };
}

export function toolAsk(tool = "search", change: Partial<ToolCall> = {}) {
  return { turn: 1, index: 1, call: { id: "c1", tool, arguments: { q: "tea" }, ...change } };
}

export const NEVER = new AbortController().signal;
