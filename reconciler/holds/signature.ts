// Holds a plan back whose commits were not signed by somebody who may. Pure: the judging is done where git is.
import type { SignatureVerdict } from "../source/signatures.ts";

/** `sha` null: what was planned is no commit, so nobody can have signed it. */
export interface SignatureHold {
  readonly why: "signature";
  readonly sha: string | null;
  readonly signer: string | null;
  readonly message: string;
}

/** `verdict` null: the environment asks for no signatures. */
export function findSignatureHold(verdict: SignatureVerdict | null): SignatureHold | undefined {
  if (verdict === null || verdict.verdict === "good") return undefined;
  const { sha, signer, why } = verdict;
  const what = sha === null ? "the source" : `commit ${sha.slice(0, 12)}`;
  // A reason that names the key says it already.
  const by = signer === null || why.includes(signer) ? "" : ` (signed by ${signer})`;
  return { why: "signature", sha, signer, message: `${what} is not signed as this environment asks${by}: ${why}` };
}
