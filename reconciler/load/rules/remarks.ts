// How the rules of a kind speak. They see the canonical spec and name places by JSON pointers below `/spec`.

export interface Remarks {
  /** An error in both vocabularies: it can never work, and Orloj refuses it as well. */
  refuse(pointer: string, summary: string, detail?: string): void;
  /** An error in `countwheel.dev/v1`, a warning in `orloj.dev/v1`, where Orloj loads it. */
  complain(pointer: string, summary: string, detail?: string): void;
  /** As `complain`, of a line (from 1; undefined: nobody knows which) of a text that a manifest holds. */
  complainInText(pointer: string, line: number | undefined, summary: string, detail?: string): void;
  /** A warning: right, but hardly what somebody means. */
  remark(pointer: string, summary: string, detail?: string): void;
}

export type Rules<Spec> = (spec: Spec, remarks: Remarks) => void;
