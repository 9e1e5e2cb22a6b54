// A result that is longer than its tool may answer: kept whole, redacted, where the agent can read on; its model reads the
// head, and where the rest is.
import type { CarriedLabel } from "../../policies/request.ts";
import { CUT, headOf } from "../bound-text.ts";
import type { Overflow } from "../tools/tool.ts";
import type { Redactor } from "./redact.ts";

export interface KeptArtifact {
  readonly id: string;
  readonly bytes: number;
  readonly digest: string;
}

export interface ArtifactShelf {
  /** Of one result: more is not received. */
  readonly resultBytes: number;
  /** undefined: the task keeps as much as it may already. */
  keep(text: string, facts: ResultFacts): Promise<KeptArtifact | undefined>;
}

export interface ResultFacts {
  readonly tool: string;
  /** `<activation> <step>` */
  readonly from: string;
  readonly labels: readonly CarriedLabel[];
}

interface Shortening {
  readonly redactor: Redactor;
  readonly artifacts: ArtifactShelf;
  readonly facts: ResultFacts;
}

export interface Shortened {
  readonly text: string;
  readonly artifact?: KeptArtifact;
}

/** Redacted before it is kept, and before it is cut: no half of a secret is left at the edge. */
export async function shorten(
  { redactor, artifacts, facts }: Shortening,
  { text, limitBytes, totalBytes }: Overflow,
): Promise<Shortened> {
  const whole = redactor.text(text);
  const head = headOf(whole, limitBytes);
  const [shown, of] = [Buffer.byteLength(head), totalBytes === undefined ? "more" : String(totalBytes)];
  const artifact = await artifacts.keep(whole, facts);
  const note =
    artifact === undefined
      ? "the rest was not kept: the artifacts of this task take all the room that they may"
      : restOf(artifact, shown, totalBytes);
  return {
    text: `${head}${CUT}\n[truncated: the first ${shown} of ${of} bytes; ${note}]`,
    ...(artifact === undefined ? {} : { artifact }),
  };
}

function restOf({ id, bytes }: KeptArtifact, shown: number, totalBytes: number | undefined): string {
  const kept = totalBytes !== undefined && totalBytes <= bytes ? "all of it is" : `the first ${bytes} are`;
  return `${kept} artifact ${id}: go on with artifact.read at offset ${shown}`;
}
