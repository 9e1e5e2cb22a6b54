// What policies look like once they are read: the parts that the rules of policies/rules/ decide from.
import type { Answer } from "./arguments/answer.ts";
import type { ArgumentCondition } from "./arguments/conditions.ts";
import type { Work } from "./arguments/work.ts";
import type { Expression } from "./expression/expression.ts";
import type { Limit } from "./limit.ts";
import type { Pattern } from "./names.ts";
import type { ApprovalTerms, OnViolation, OperationClass } from "./request.ts";

/** A manifest as the compiler gets it; `spec` may be anything. */
export interface SpecSource {
  readonly address: string;
  readonly namespace: string;
  readonly name: string;
  readonly spec: unknown;
}

/** One entry of a list in a manifest, with the path by which people find it. */
export interface Entry {
  readonly pattern: Pattern;
  readonly text: string;
  readonly rule: string;
}

/** Something that could not be read or cannot be evaluated: denies. */
export interface SpecError {
  readonly rule: string;
  readonly message: string;
}

export interface Scope {
  /** `apply_mode: global`. */
  readonly everywhere: boolean;
  readonly systems: readonly Entry[];
  readonly tasks: readonly Entry[];
  readonly agents: readonly Entry[];
}

export interface CompiledRule {
  readonly rule: string;
  readonly effect: "deny" | "ask" | "allow";
  readonly message: string | null;
  /** null: any. */
  readonly tools: readonly Entry[] | null;
  readonly models: readonly Entry[] | null;
  readonly agents: readonly Entry[] | null;
  readonly operationClasses: readonly OperationClass[] | "any" | null;
  /** Names tools, their classes or their arguments. */
  readonly aboutTools: boolean;
  /** What the arguments must be for the rule to apply. */
  readonly arguments: readonly ArgumentCondition[];
  readonly when: Expression | null;
  /** What the arguments must be where the rule applies: the effect is for those that are not. */
  readonly must: readonly ArgumentCondition[];
  /** `additional: deny`: no argument but those that `must` or `match.arguments` name. */
  readonly noOthers: boolean;
  /** Of a rule that asks. */
  readonly approval: ApprovalTerms;
}

/** A call of a tool, as rules on the flow of data and on sequences name it. All that is not null must hold. */
export interface ToolMatch {
  readonly tools: readonly Entry[] | null;
  readonly operationClasses: readonly OperationClass[] | "any" | null;
  /** Labels of where the tool sends its arguments. */
  readonly sendsTo: readonly Entry[] | null;
  /** Those who call. Alone, it is about what they may read at all. */
  readonly agents: readonly Entry[] | null;
}

/** Of `flow[]`: whoever has read all of `data` may not call `to`; where `to` names agents only, they may not read it. */
export interface FlowRule {
  readonly rule: string;
  readonly message: string | null;
  readonly data: readonly string[];
  readonly to: ToolMatch;
  /** What an approval needs that lifts it for one call; null: none does. */
  readonly declassify: ApprovalTerms | null;
}

/** Of `sequence[]`. */
export interface SequenceRule {
  readonly rule: string;
  readonly message: string | null;
  readonly tools: readonly Entry[];
  /** Each must have succeeded before. */
  readonly requiresBefore: readonly Entry[];
  /** None may have begun before. */
  readonly notAfter: readonly Entry[];
}

/** Of `egress`. */
export interface Egress {
  /** What may be reached: `a URL (https) of \`api.example.com\``. */
  readonly text: string;
  readonly hold: (url: string, work: Work) => Answer;
  /** Whether calls may be carried out by processes, which may reach anything. */
  readonly processes: boolean;
}

export interface CompiledPolicy {
  readonly address: string;
  readonly scope: Scope;
  readonly audit: boolean;
  /** null: the manifest does not say, which means stop. */
  readonly onViolation: OnViolation | null;
  readonly defaultDeny: boolean;
  readonly blockedTools: readonly Entry[];
  /** null: every model. */
  readonly allowedModels: readonly Entry[] | null;
  readonly limits: readonly Limit[];
  readonly rules: readonly CompiledRule[];
  /** Labels that the task's input has for `flow` of this policy. */
  readonly inputLabels: readonly string[];
  readonly flow: readonly FlowRule[];
  readonly sequence: readonly SequenceRule[];
  /** null: everywhere. */
  readonly egress: Egress | null;
  /** null: every Secret. */
  readonly allowedSecrets: readonly Entry[] | null;
  readonly errors: readonly SpecError[];
}

export interface CompiledRole {
  readonly key: string;
  readonly address: string;
  readonly permissions: ReadonlySet<string>;
  readonly errors: readonly string[];
}

export interface OperationRule {
  readonly classes: readonly OperationClass[] | "any";
  readonly verdict: "allow" | "deny" | "approval_required";
  readonly rule: string;
}

export interface CompiledPermission {
  readonly address: string;
  readonly namespace: string;
  /** null: unreadable, so it may be about any tool. */
  readonly tool: string | null;
  readonly action: string;
  /** null: all agents of the namespace. */
  readonly agents: readonly Entry[] | null;
  /** Empty: `tool:<name>:<action>` and each capability of the tool. */
  readonly required: readonly string[];
  readonly anyOf: boolean;
  readonly operations: readonly OperationRule[];
  readonly errors: readonly SpecError[];
}
