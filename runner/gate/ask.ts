// What may be asked of the gate of one activation, what it is made from, and what it answers.
import type { Decision, Denial } from "../../contracts/decision.ts";
import type { StepId, ToolCall, ToolResult } from "../../contracts/step.ts";
import type { ActivationId, TaskRef } from "../../contracts/task.ts";
import type { PolicySet } from "../../policies/policy-set.ts";
import type { AgentGrants, CallHistory, GateRequest, Reach, Subject } from "../../policies/request.ts";
import type { Model, ModelRequest } from "../models/model.ts";
import type { ModelPrice } from "../models/price.ts";
import type { ToolBox } from "../tools/tool.ts";
import type { ApprovalBook } from "./approvals/book.ts";
import type { ArgumentCheck } from "./arguments.ts";
import type { CarriedLabels } from "./carried.ts";
import type { GateClock } from "./grant.ts";
import type { ArtifactShelf } from "./overflow.ts";
import type { ModelPermit, ToolPermit } from "./permit.ts";
import type { Recorder } from "./recorder.ts";
import type { Redactor } from "./redact.ts";
import type { SharedBudgets } from "./shared-budgets.ts";

export interface GateOptions {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  readonly subject: Subject;
  readonly grants: AgentGrants;
  /** The task's input: rules may compare arguments with it. */
  readonly input: Readonly<Record<string, string>>;
  /** Where a path really leads, symlinks followed; null: nobody can say. */
  readonly realPath: (path: string) => Promise<string | null>;
  /** Of the task's snapshot. */
  readonly policies: PolicySet;
  /** What the environment says now; both must allow. Its failing denies (POLICY_UNAVAILABLE). */
  readonly livePolicies?: () => Promise<PolicySet>;
  /** Ledgers that tasks share. Absent: where a policy limits one, it denies. */
  readonly budgets?: SharedBudgets;
  /** How long the task and this activation have been at work. */
  readonly workedMs?: () => { readonly taskMs: number; readonly activationMs: number };
  /** Throws where somebody suspended what the request is about: it waits until that is resumed. */
  readonly checkStops?: (request: GateRequest, endpoint: string | undefined) => Promise<void>;
  readonly toolBox: ToolBox;
  /** Where results that are too long are kept whole. Absent: they are cut. */
  readonly artifacts?: ArtifactShelf;
  /** What this activation has read: the gate adds to it what its calls return. */
  readonly carried: CarriedLabels;
  /** What was called before in the task. Absent: nobody knows, and a rule that needs it denies. */
  readonly history?: () => Promise<CallHistory>;
  readonly recorder: Recorder;
  readonly redactor: Redactor;
  /** One per runner: it keeps compiled schemas. */
  readonly argumentCheck: ArgumentCheck;
  readonly clock: GateClock;
  /** Absent: nobody can be asked, and what would be asked about is denied. */
  readonly approvals?: ApprovalBook;
  /** Makes decision ids. */
  readonly newId: () => string;
}

/** Enough to judge by: there is no tool to call yet. */
export type JudgeOptions = Omit<GateOptions, "toolBox" | "argumentCheck">;

export interface Denied {
  readonly outcome: "denied";
  readonly denial: Denial;
  readonly decision: Decision;
  /** True: the task ends here. False (`on_violation: refuse`): the model reads the denial and may go on. */
  readonly stop: boolean;
}

export type Admission = { readonly outcome: "admitted"; readonly decision: Decision } | Denied;

export interface ModelAsk {
  /** Counted from 1 within the activation. */
  readonly turn: number;
  /** 0 for the first try of this turn. */
  readonly retry: number;
  /** A step of another name: for embeddings, which are asked for while a tool is at work. */
  readonly step?: StepId;
  readonly request: ModelRequest;
  readonly model: Model;
  /** `namespace/name` of its ModelEndpoint. */
  readonly endpoint?: string;
  /** null: unknown, and the cost of the call is recorded as unknown. */
  readonly price: ModelPrice | null;
  /** What the call needs of the world. */
  readonly reach?: Reach;
}

export type ModelPermission =
  | { readonly outcome: "permitted"; readonly permit: ModelPermit; readonly decision: Decision }
  /** A person has to answer first. It is recorded; the activation is to be given back until then. */
  | { readonly outcome: "waiting"; readonly approval: string }
  | Denied;

/** A call that was made before in this activation, and what its model reads instead of a second answer. */
export interface RepeatedCall {
  readonly step: StepId;
  readonly result: ToolResult;
}

export interface ToolAsk {
  readonly turn: number;
  /** Which call of the turn's answer: names the step, so it must be the same after a takeover. */
  readonly index: number;
  /** 0, or absent, for the first try. */
  readonly retry?: number;
  readonly call: ToolCall;
  /** A step of another name, with a key of its own: for a question to a verify tool. */
  readonly step?: StepId;
  /** The call began, and its answer is waited for: it is not made again. */
  readonly resumes?: true;
  /** Set: the call is not to be made again. */
  readonly repeats?: RepeatedCall;
}

export type ToolPermission =
  /** `repeats`: allowed, recorded and not made. */
  | { readonly outcome: "repeated"; readonly result: ToolResult }
  | { readonly outcome: "permitted"; readonly permit: ToolPermit; readonly decision: Decision }
  /** The arguments are no JSON object or do not fit the tool's schema: recorded, not called; the model reads `result`. */
  | { readonly outcome: "invalid"; readonly result: ToolResult }
  /** A person has to answer first. It is recorded; the activation is to be given back until then. */
  | { readonly outcome: "waiting"; readonly approval: string }
  /** `result` is what the model reads where it may go on. */
  | (Denied & { readonly result: ToolResult });
