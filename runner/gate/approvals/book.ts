// What the gate needs to know of the questions that were asked before.
import type { ApprovalPhase, ApprovalWord } from "../../../contracts/approval.ts";

export interface AskedBefore {
  readonly id: string;
  readonly phase: ApprovalPhase;
  /** Of what it was about. */
  readonly binding: string;
  /** Its time is over, by the store's own clock. */
  readonly isOver: boolean;
  readonly word: ApprovalWord | null;
}

export interface ApprovalBook {
  /** What was asked last about a step of this activation; undefined: nothing, or it is not waited for any more. */
  findCall(step: string): Promise<AskedBefore | undefined>;
  /**
   * Of a turn of this activation: the approval of exactly this under which its model was asked before, within its time;
   * else what was asked last, and is waited for.
   */
  findTurn(turn: number, binding: string): Promise<AskedBefore | undefined>;
  /** Its time is over, and that is about to be written down: it stands in the audit log from now on. */
  tellExpired(id: string): Promise<void>;
  /** Something is about to be asked: whoever lists questions must look here from now on. */
  note(): Promise<void>;
}
