// What is asked of the gate and what it answers: the types of the pure core. No I/O, no clock, no imports.

export type GatePoint =
  | "task_admission"
  | "before_model"
  | "after_model"
  | "before_tool"
  | "after_tool"
  | "secret_use"
  | "approval_resume";

export type OperationClass = "read" | "write" | "delete" | "admin";

export const DENIAL_CODES = [
  "DEFAULT_DENY",
  "TOOL_NOT_LISTED",
  "TOOL_BLOCKED",
  "TOOL_ARG_FORBIDDEN",
  "TOOL_UNKNOWN",
  "TOOL_DRIFTED",
  "PERMISSION_MISSING",
  "ROLE_MISSING",
  "OPERATION_DENIED",
  "MODEL_NOT_ALLOWED",
  "BUDGET_TOKENS",
  "BUDGET_COST",
  "BUDGET_STEPS",
  "BUDGET_WALL",
  "RATE_LIMITED",
  "APPROVAL_REQUIRED",
  "APPROVAL_DENIED",
  "APPROVAL_EXPIRED",
  "APPROVAL_MISMATCH",
  "FLOW_VIOLATION",
  "EGRESS_DENIED",
  "SECRET_NOT_GRANTED",
  "SANDBOX_UNAVAILABLE",
  "POLICY_ERROR",
  "POLICY_UNAVAILABLE",
  "AUDIT_UNAVAILABLE",
  "LEASE_LOST",
] as const;
export type DenialCode = (typeof DENIAL_CODES)[number];

/** Who asks: the same for every point. */
export interface Subject {
  readonly namespace: string;
  readonly system: string;
  /** The Task manifest's name, or the name of the running task where it was made by hand. */
  readonly task: string;
  readonly agent: string;
}

/** The agent as the gate sees it, from its manifest. */
export interface AgentGrants {
  readonly tools: readonly string[];
  readonly allowedTools: readonly string[];
  readonly roles: readonly string[];
}

/**
 * What the task has spent before this request, with what calls under way have reserved. What is missing is counted by
 * nobody: a policy that limits it denies.
 */
export interface Usage {
  readonly tokens: number;
  /** Tool → calls so far in this task. */
  readonly calls?: Readonly<Record<string, number>>;
  /** Millionths of a US dollar; null: at least one price is unknown. */
  readonly microUsd?: number | null;
  /** Calls of models and tools so far in this task. */
  readonly steps?: number;
  /** Since the task began to run. */
  readonly taskMs?: number;
  /** Since the agent's activation was claimed first. */
  readonly activationMs?: number;
  /**
   * Shared ledger → what is spent of it, without this request. Missing altogether: nobody asked yet, and limits on shared
   * ledgers are left to whoever reserves (see `sharedClaims`).
   */
  readonly shared?: Readonly<Record<string, number>>;
}

/** Of a task that has not begun: for those who ask what would be allowed at all. */
export const NOTHING_SPENT: Usage = { tokens: 0, calls: {}, microUsd: 0, steps: 0, taskMs: 0, activationMs: 0 };

export interface ToolFacts {
  readonly name: string;
  /** False: no manifest and no server provides it. */
  readonly known: boolean;
  readonly capabilities: readonly string[];
  readonly operationClasses: readonly OperationClass[];
  /** Absent: no manifest says anything of it. */
  readonly data?: ToolData;
}

/** What manifests say that a call needs of the world, whatever its arguments are. */
export interface Reach {
  /** URLs that it reaches; null: one that nobody can tell. */
  readonly reaches?: readonly (string | null)[];
  /** A process on the runner's machine carries it out, which may reach anything. */
  readonly isProcess?: true;
  /** Secrets that it uses, as `namespace/name`. */
  readonly secrets?: readonly string[];
}

/** What manifests say of the data that passes through a tool. */
export interface ToolData extends Reach {
  /** Labels of what it returns. */
  readonly returns?: readonly string[];
  /** Labels of where its arguments go. */
  readonly sendsTo?: readonly string[];
  /** Paths of arguments that hold URLs which it reaches. */
  readonly urlArguments?: readonly string[];
}

/** A label of data that the asker has read, and what it came with. */
export interface CarriedLabel {
  readonly label: string;
  /** For people: `inbox--read (reader#1 m1.c1)`. */
  readonly from: string;
}

/** What was called before in this task, by any agent. */
export interface CallHistory {
  /** Tools that have answered without an error, since the task last began anew. */
  readonly succeeded: readonly string[];
  /** Tools of which a call began. */
  readonly begun: readonly string[];
}

export type GateRequest =
  | {
      readonly point: "task_admission";
      readonly subject: Subject;
      /** Labels of what agents before it send it. */
      readonly carried?: readonly CarriedLabel[];
      /** What the agent's servers need before they can be asked for their tools. */
      readonly uses?: Reach;
    }
  | {
      readonly point: "before_model";
      readonly subject: Subject;
      readonly model: string;
      readonly provider: string;
      /** Input estimated and output bounded: what the call may cost at most. */
      readonly reserveTokens: number;
      /** The same in millionths of a US dollar; null or missing: the price is unknown. */
      readonly reserveMicroUsd?: number | null;
      readonly usage: Usage;
      readonly uses?: Reach;
    }
  | { readonly point: "after_model"; readonly subject: Subject; readonly model: string; readonly usage: Usage }
  | {
      readonly point: "before_tool";
      readonly subject: Subject;
      readonly grants: AgentGrants;
      readonly tool: ToolFacts;
      readonly arguments: Readonly<Record<string, unknown>>;
      readonly usage: Usage;
      /** The task's input. Missing: a rule that needs it cannot be evaluated. */
      readonly input?: Readonly<Record<string, string>>;
      /**
       * Path → where it really leads, symlinks followed; null: nobody can say. Missing altogether: nobody looked, as for
       * `access` and tests of policies, and paths are judged as they are written. See `pathsToResolve`.
       */
      readonly realPaths?: Readonly<Record<string, string | null>>;
      /** Labels of what the agent has read, each once. Absent: it has read nothing that has one. */
      readonly carried?: readonly CarriedLabel[];
      /** Absent: nobody looked, and a rule that needs it denies. See `needsHistory`. */
      readonly history?: CallHistory;
    }
  | {
      readonly point: "after_tool";
      readonly subject: Subject;
      readonly tool: ToolFacts;
      readonly usage: Usage;
      /** With those of what it returned. */
      readonly carried?: readonly CarriedLabel[];
    }
  | {
      readonly point: "secret_use";
      readonly subject: Subject;
      /** `namespace/name` of the Secret and the manifest that names it. */
      readonly secret: string;
      readonly grantedBy: string | null;
    };

export interface Reason {
  /** `Kind/namespace/name` of the manifest that holds the rule. */
  readonly policy: string;
  /** The rule within it, such as `spec.blocked_tools[0]`. */
  readonly rule: string;
  readonly message: string;
  /** Which part of the request matched: `tool`, `model`, `arguments.path`. */
  readonly path?: string;
  /** What this reason alone would have answered; absent on reasons that allow. */
  readonly code?: DenialCode;
  /** Only on reasons of a policy in audit mode. */
  readonly enforced?: false;
}

/** What the denied agent may do: `stop` fails the task at once, `refuse` lets the model read the denial and go on. */
export type OnViolation = "stop" | "refuse";

/** The pure answer. The runner's gate adds id, time and cost. `enforced: false`: only policies in audit mode object. */
export type Verdict =
  | { readonly effect: "allow"; readonly code: "ALLOWED"; readonly reasons: readonly Reason[]; readonly enforced: true }
  | {
      readonly effect: "deny";
      readonly code: DenialCode;
      readonly reasons: readonly Reason[];
      readonly enforced: boolean;
      readonly onViolation: OnViolation;
    }
  | AskVerdict;

export interface AskVerdict {
  readonly effect: "ask";
  readonly code: "APPROVAL_REQUIRED";
  readonly reasons: readonly Reason[];
  readonly enforced: boolean;
  /** Where the answer is no, or none comes. */
  readonly onViolation: OnViolation;
  readonly approval: ApprovalTerms;
}

/** Who may answer, and until when: the strictest of all rules that ask. */
export interface ApprovalTerms {
  readonly ttlMs: number;
  /** Whoever asked for the task may not approve its calls. */
  readonly notRequester: boolean;
  /** `kind:name` of those who may answer; null: everybody. */
  readonly approvers: readonly string[] | null;
}
