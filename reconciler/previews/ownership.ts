// Whose manifest of each kind counts in a preview. What bounds what agents may reach, or is itself something that they reach,
// is the base's; what they say and how they are wired is the head's. Pure.
import type { KindName } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import { type Manifest, specDigest } from "../../contracts/manifest.ts";

/**
 * `head`: the pull request's · `law`: the base's, whatever the pull request says, because the gate judges by it · `reach`: the
 * base's, and a Task that would use another one does not run · `none`: of no use to a task that runs.
 */
export type Ownership = "head" | "law" | "reach" | "none";

/** Each kind by name: one that is added later has to be judged here before anything compiles. */
const OWNERSHIP: Readonly<Record<KindName, Ownership>> = {
  Agent: "head",
  AgentSystem: "head",
  Task: "head",
  AgentPolicy: "law",
  AgentRole: "law",
  ToolPermission: "law",
  ToolApproval: "none",
  Secret: "reach",
  Tool: "reach",
  McpServer: "reach",
  ModelEndpoint: "reach",
  Memory: "reach",
  Worker: "none",
  PolicyTest: "none",
  TaskSchedule: "none",
  TaskWebhook: "none",
};

/** `before`: what the base has under its address. */
export function ownershipOf(manifest: Manifest, before: Manifest | undefined): Ownership {
  return isHarmless(manifest, before) ? "head" : OWNERSHIP[manifest.kind];
}

export function ownershipOfKind(kind: KindName): Ownership {
  return OWNERSHIP[kind];
}

/**
 * Opens no secret, reaches no address and starts nothing: a mock model, a memory within the preview's own keys. One that the
 * base has stays as it is: rules on the flow of data go by its labels.
 */
function isHarmless(manifest: Manifest, before: Manifest | undefined): boolean {
  const model = specOf(manifest, "ModelEndpoint");
  if (model !== undefined) return model.provider === "mock" && model.auth === undefined && model.base_url === undefined;
  const memory = specOf(manifest, "Memory");
  if (memory === undefined) return false;
  if (before !== undefined) return specDigest(before) === specDigest(manifest);
  const { provider = "in-memory", endpoint, endpoint_secret_ref: secret, auth } = memory;
  const isOwn = provider === "in-memory" || provider === "redis";
  return isOwn && endpoint === undefined && secret === undefined && auth === undefined;
}
