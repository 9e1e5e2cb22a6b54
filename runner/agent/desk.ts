// Everything that one agent works with during one attempt at an activation. Made by runner/activation.ts.
import type { StepRecord, ToolEffect } from "../../contracts/step.ts";
import type { Message } from "../../contracts/task.ts";
import type { TraceEventType } from "../../contracts/trace.ts";
import type { Reach } from "../../policies/request.ts";
import type { Entry } from "../breakers.ts";
import type { Gate } from "../gate/gate.ts";
import type { Model, ToolDefinition } from "../models/model.ts";
import type { ModelPrice } from "../models/price.ts";
import type { Backoff } from "./backoff.ts";
import type { Execution } from "./execution.ts";
import type { OutputShape } from "./output.ts";

export interface AgentModel {
  readonly model: Model;
  /** What the provider calls it. */
  readonly name: string;
  readonly maxOutputTokens: number;
  /** null: unknown. */
  readonly price: ModelPrice | null;
  /** What a call of it needs of the world. */
  readonly reach?: Reach;
  /** Asks its endpoint's breaker, before each call. */
  enter(): Promise<Entry>;
}

/** A model that the agent may ask, opened when it comes to it. */
export interface ModelChoice {
  /** `namespace/name` of its ModelEndpoint. */
  readonly endpoint: string;
  /** Throws what stands in its way: a secret without a value, an option that cannot be read. */
  open(): Promise<AgentModel>;
}

/** What manifests say of the calls of one tool. */
export interface ToolRules {
  readonly retry: Backoff;
  /** For a write whose result is unknown. */
  readonly onUnknown: "stop" | "retry" | "fail";
  /** The tool that tells whether a write of this one has happened. */
  readonly verify: string | undefined;
  readonly effect: ToolEffect;
}

export interface AgentDesk {
  readonly agent: string;
  readonly system: string;
  readonly input: Readonly<Record<string, string>>;
  readonly messages: readonly Message[];
  /** Those that the agent may be shown; what it may call is the gate's business. */
  readonly tools: readonly ToolDefinition[];
  readonly maxSteps: number;
  /** In the order in which they are asked: its own, then those that it falls back to. */
  readonly models: readonly ModelChoice[];
  readonly modelRetry: Backoff;
  readonly gate: Gate;
  readonly toolRules: (tool: string) => ToolRules;
  /** undefined: any text will do. */
  readonly output: OutputShape | undefined;
  readonly execution: Execution;
  readonly redact: (text: string) => string;
  /** What earlier attempts recorded. */
  readonly steps: readonly StepRecord[];
  /** Aborted with LeaseLost, Cancelled, RunnerStopping or the time-out of the agent. */
  readonly signal: AbortSignal;
  /** In [0, 1). */
  readonly random: () => number;
  /** Writes an event of this activation. */
  note(
    type: TraceEventType,
    data: Readonly<Record<string, unknown>>,
    place?: { readonly turn: number; readonly step?: string },
  ): Promise<void>;
}
