// Whether a plan still fits what it was made of, and which of its inputs moved. Pure.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import type { Plan } from "../../contracts/plan.ts";
import { policyDigestOf } from "../../contracts/policy-digest.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { configDigestOf } from "../plan/config-digest.ts";
import type { PlannableSource } from "../plan/make-plan.ts";

/** One input of a plan that is no longer what it was. */
export interface Moved {
  readonly input:
    | "expired"
    | "tool"
    | "environment"
    | "head"
    | "manifest"
    | "lineage"
    | "record"
    | "policy"
    | "config"
    | "hold";
  /** One line for people. */
  readonly message: string;
}

/** What the plan says by itself: its age, its makers. */
export function movedInTime(plan: Plan, now: Date, tool: Plan["tool"]): Moved[] {
  const moved: Moved[] = [];
  if (plan.tool.name !== tool.name || plan.tool.version !== tool.version) {
    moved.push({
      input: "tool",
      message: `it was made by ${plan.tool.name} ${plan.tool.version}, this is ${tool.version}`,
    });
  }
  if (Date.parse(plan.expiresAt) <= now.getTime()) {
    moved.push({ input: "expired", message: `it expired at ${plan.expiresAt}` });
  }
  return moved;
}

/** The source against the plan: the ref's head, and for a working tree the manifests that the plan touches. */
export function movedInSource(
  plan: Plan,
  source: PlannableSource,
  settings: EnvironmentSettings = defaultSettings(plan.state.env),
): Moved[] {
  const { identity } = source;
  if (plan.source.ref !== null && identity.headSha !== plan.source.headSha) {
    const [was, is] = [plan.source.headSha, identity.headSha].map((sha) => sha?.slice(0, 7) ?? "nothing");
    return [{ input: "head", message: `the head of ${plan.source.ref} moved from ${was} to ${is}` }];
  }
  const config = configDigestOf({ env: plan.state.env, ...identity, settings });
  if (config !== plan.configDigest)
    return [{ input: "config", message: "the environment's repository, ref, path or settings changed" }];
  return movedManifests(plan, source);
}

function movedManifests(plan: Plan, source: PlannableSource): Moved[] {
  const digests = new Map(source.load.set.manifests.map(({ address, digest }) => [address, digest]));
  const moved = plan.changes.flatMap(({ address, afterDigest, kept }): Moved[] =>
    // With fields of the state in it, it is compared once the state is read: next-records.ts.
    kept !== undefined || digests.get(address) === afterDigest
      ? []
      : [{ input: "manifest", message: `${address} changed in the source` }],
  );
  if (moved.length > 0 || policyDigestOf(source.load.set.manifests) === plan.policyDigest) return moved;
  return [{ input: "policy", message: "a policy changed in the source" }];
}

/** The observed state against the plan: only the lineage, the touched records, and the policy that would hold. */
export function movedInState(plan: Plan, observed: ObservedState): Moved[] {
  const lineage = observed.head?.lineage ?? "";
  if (lineage !== plan.state.lineage || (lineage === "" && plan.counts.noop > 0)) {
    return [{ input: "lineage", message: lineageMessage(plan, lineage) }];
  }
  const moved = plan.state.touched.flatMap(({ address, digest }): Moved[] => {
    if ((observed.records.get(address)?.digest ?? null) === digest) return [];
    return [{ input: "record", message: `${address} changed in the state` }];
  });
  return moved.length > 0 ? moved : movedPolicy(plan, observed);
}

function lineageMessage(plan: Plan, lineage: string): string {
  if (plan.state.lineage === "" && plan.counts.noop > 0) return "it was made against a ref, not against the state";
  if (plan.state.lineage === "") return "the environment has a state by now";
  return lineage === ""
    ? "the environment has no state: was the Redis flushed or swapped?"
    : "the state's lineage is another";
}

/**
 * A policy that the plan leaves alone decides all the same: the access that people saw must be what they get. Untouched
 * policies and those that the plan writes make up the plan's policy digest, or something moved.
 */
function movedPolicy(plan: Plan, { records }: ObservedState): Moved[] {
  const touched = new Set<string>(
    plan.changes.flatMap(({ address, previousAddress = address }) => [address, previousAddress]),
  );
  const kept = [...records.values()].filter(({ address }) => !touched.has(address));
  const written = plan.changes.flatMap(({ address, kind, afterDigest }) =>
    afterDigest === undefined ? [] : [{ address, digest: afterDigest, manifest: { kind } }],
  );
  if (policyDigestOf([...kept, ...written]) === plan.policyDigest) return [];
  return [{ input: "policy", message: "a policy changed in the state" }];
}
