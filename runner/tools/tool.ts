// The one interface behind which every tool stands. Nothing but runner/gate may call it.
import type { NoteElicited } from "../../contracts/elicited.ts";
import type { StepId, ToolEffect, ToolResult } from "../../contracts/step.ts";
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import type { OperationClass, ToolData } from "../../policies/request.ts";
import type { ToolDefinition } from "../models/model.ts";

export interface ToolCallContext {
  /** The step that the call is: what it asks of models itself are steps that begin with its name. Absent: it may not. */
  readonly step?: StepId;
  /** The same for every try of one step: `Idempotency-Key` header, MCP `_meta`. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  /**
   * Throws the reason for which nothing may begin any more. Asked again right before a request goes out: after a loop that
   * was blocked, or a process that was stopped, answers of the network are heard before the timer that ends the lease.
   */
  readonly checkLease: () => void;
  /** The call was begun before by a runner that is lost: it is waited for, and not made again. */
  readonly resumes?: true;
  /** How far it has come, said as often as the tool likes. Absent: nobody wants to know. */
  readonly onProgress?: (progress: ToolProgress) => void;
  /** To be asked before a question of the tool is answered. Absent: none may be. */
  readonly noteElicited?: NoteElicited;
  /** So much of a result is kept beside what the model reads of it. Absent: nothing is, and no more is received. */
  readonly keepBytes?: number;
}

/** All of a result that is longer than the tool may answer, as far as it was received. */
export interface Overflow {
  readonly text: string;
  /** What the tool may answer. */
  readonly limitBytes: number;
  /** undefined: there was more than was received. */
  readonly totalBytes: number | undefined;
}

/** `overflow` only where `keepBytes` asks for it: `text` is then its head, for whoever keeps nothing. */
export interface ToolAnswer extends ToolResult {
  readonly overflow?: Overflow;
}

/**
 * A tool that can be called. `call` throws TransientFailure or PermanentFailure where no result came; a result in which
 * the tool says that it failed is a ToolResult with `isError`.
 */
export interface Tool {
  readonly definition: ToolDefinition;
  /** SHA-256 of name, description, schema and annotations. */
  readonly definitionDigest: string;
  readonly effect: ToolEffect;
  readonly capabilities: readonly string[];
  readonly operationClasses: readonly OperationClass[];
  readonly timeoutMs: number;
  /** Absent: no manifest says anything of it. */
  readonly data?: ToolData;
  /** A result may have labels of its own beside those of `data`. */
  call(args: Readonly<Record<string, unknown>>, context: ToolCallContext): Promise<ToolAnswer>;
  /** Of tools that answer later: whether a call that was begun can still be waited for. */
  isAwaited?(idempotencyKey: string): Promise<boolean>;
}

/** The tools that one activation may name. Discovery of MCP servers happens in `open`; `close` gives the servers back. */
export interface ToolBox {
  find(name: string): Tool | undefined;
  close(): Promise<void>;
}
