// What a permit stands for: one call with everything that it needs, fixed when it was decided.
import type { ToolCall } from "../../contracts/step.ts";
import type { TraceDraft, TraceEventType } from "../../contracts/trace.ts";
import type { Model, ModelRequest } from "../models/model.ts";
import type { ModelPrice } from "../models/price.ts";
import type { Tool } from "../tools/tool.ts";
import type { CarriedLabels } from "./carried.ts";
import type { ArtifactShelf } from "./overflow.ts";
import type { Recorder } from "./recorder.ts";
import type { Redactor } from "./redact.ts";

export interface GateClock {
  now(): Date;
  /** Milliseconds that never run backwards, for latencies. */
  monotonicMs(): number;
}

/** The ways in which an effect is written down. */
export interface Journal {
  readonly recorder: Recorder;
  readonly redactor: Redactor;
  readonly clock: GateClock;
  /** `at`: now, where it is not said. */
  draft(type: TraceEventType, data: Readonly<Record<string, unknown>>, at?: string): TraceDraft;
}

interface Grant {
  readonly activation: string;
  readonly step: string;
  readonly idempotencyKey: string;
  readonly decisionId: string;
  readonly journal: Journal;
}

export interface ModelGrant extends Grant {
  readonly model: Model;
  /** `namespace/name` of its ModelEndpoint. */
  readonly endpoint: string | undefined;
  readonly request: ModelRequest;
  readonly reservedTokens: number;
  readonly reservedMicroUsd: number;
  /** Of ledgers that tasks share; null: nothing of them has to be settled. */
  readonly reservation: string | null;
  readonly price: ModelPrice | null;
}

export interface ToolGrant extends Grant {
  readonly tool: Tool;
  readonly call: ToolCall;
  readonly argumentsDigest: string;
  /** It began before, and is waited for. */
  readonly resumes?: true;
  /** What the activation has read. */
  readonly carried: CarriedLabels;
  /** Absent: the agent could not read what is kept, so nothing is. */
  readonly artifacts?: ArtifactShelf;
}
