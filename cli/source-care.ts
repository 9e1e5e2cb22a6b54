// What the settings of an environment ask of its source: overlays over it, and signatures under it.
import { hasChanges, type Plan } from "../contracts/plan.ts";
import type { SourceTools } from "../reconciler/environment-source.ts";
import { findSignatureHold } from "../reconciler/holds/signature.ts";
import type { TickSource } from "../reconciler/tick.ts";
import type { Placed } from "./environment-settings.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host, OutputFormat } from "./host.ts";
import { printFailure } from "./output.ts";

/** For the tools that a source is opened with. */
export function careOf({ settings, folder }: Placed): Pick<SourceTools, "overlays" | "signatures"> {
  return { overlays: settings.overlays, signatures: { ...settings.signatures, folder } };
}

export interface JudgedPlan {
  readonly source: TickSource;
  readonly plan: Plan;
  /** The commit that was applied last. */
  readonly from: string | null;
}

/** The exit code of a refusal; undefined where everything is signed as it should be, or nothing has to be. */
export async function refuseUnsigned(
  host: Host,
  output: OutputFormat,
  { source, plan, from }: JudgedPlan,
): Promise<ExitCode | undefined> {
  if (!hasChanges(plan)) return undefined;
  const hold = findSignatureHold((await source.verify?.(from, plan.source.headSha, host.signal)) ?? null);
  if (hold === undefined) return undefined;
  const { sha, signer, message } = hold;
  return printFailure(host, output, { code: "NOT_SIGNED", message, exitCode: EXIT.blocked, details: { sha, signer } });
}
