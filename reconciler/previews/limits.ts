// The limits of a preview's own, as manifests: a policy over everything in its environment, and what its Tasks may take. Pure.
import { type Address, addressOf, DEFAULT_NAMESPACE } from "../../contracts/address.ts";
import { parseDuration } from "../../contracts/duration.ts";
import type { AgentPolicySpec } from "../../contracts/kinds/agent-policy.ts";
import type { TaskSpec } from "../../contracts/kinds/task.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { PreviewSettings } from "../../contracts/preview-settings.ts";

const POLICY_NAME = "countwheel-preview-limits";

/** Under a name that no manifest has: none of the base's policies gives way to it. */
export function limitsPolicy(settings: PreviewSettings, isTaken: (address: Address) => boolean): Manifest {
  const { maxTokens, maxCostUsd, maxSteps, durationMs } = settings;
  const spec: AgentPolicySpec = {
    apply_mode: "global",
    max_tokens_per_run: maxTokens,
    budgets: [{ steps: maxSteps, wall: writeDuration(durationMs) }],
    ...(maxCostUsd === null ? {} : { max_cost_usd_per_run: maxCostUsd }),
  };
  const metadata = { name: freeName(isTaken), namespace: DEFAULT_NAMESPACE, labels: {}, annotations: {} };
  return { apiVersion: "countwheel.dev/v1", kind: "AgentPolicy", metadata, spec };
}

function freeName(isTaken: (address: Address) => boolean): string {
  let name = POLICY_NAME;
  while (isTaken(addressOf({ kind: "AgentPolicy", namespace: DEFAULT_NAMESPACE, name }))) name += "-x";
  return name;
}

/** The Task as it runs in a preview: once, also where it is a template, and no longer than both allow. */
export function previewTask(manifest: Manifest, { waitMs, durationMs }: PreviewSettings): Manifest {
  const spec = specOf(manifest, "Task");
  if (spec === undefined) return manifest;
  const limits = {
    wait: shorter(spec.limits?.wait, waitMs),
    duration: shorter(spec.limits?.duration, durationMs),
  };
  return { ...manifest, spec: { ...spec, mode: "run", limits } satisfies TaskSpec };
}

function shorter(written: string | undefined, mostMs: number): string {
  const ownMs = parseDuration(written ?? "");
  return written !== undefined && ownMs !== undefined && ownMs <= mostMs ? written : writeDuration(mostMs);
}

/** As manifests write it. */
function writeDuration(ms: number): string {
  return ms % MINUTE_MS === 0 ? `${ms / MINUTE_MS}m` : `${ms}ms`;
}

const MINUTE_MS = 60_000;
