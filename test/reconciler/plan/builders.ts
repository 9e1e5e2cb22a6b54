// Small builders for sets, states and plans that show only what a test is about.
import { addressOf, type KindName } from "../../../contracts/address.ts";
import { type Manifest, manifestDigest } from "../../../contracts/manifest.ts";
import type { Plan } from "../../../contracts/plan.ts";
import { policyDigestOf } from "../../../contracts/policy-digest.ts";
import { hasErrors, type Problem } from "../../../contracts/problem.ts";
import type { ObservedState, StateRecord } from "../../../contracts/record.ts";
import { nextRecords } from "../../../reconciler/apply/next-records.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import type { PlannableSource } from "../../../reconciler/plan/make-plan.ts";
import { makePlan, type PlanInput } from "../../../reconciler/plan/make-plan.ts";

type Spec = Readonly<Record<string, unknown>>;

export interface Meta {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly file?: string;
}

export function manifest(kind: KindName, name: string, spec: Spec = {}, meta: Meta = {}): LoadedManifest {
  const { namespace = "default", labels = {}, annotations = {}, file = `${name}.yaml` } = meta;
  const made: Manifest = {
    apiVersion: "orloj.dev/v1",
    kind,
    metadata: { name, namespace, labels, annotations },
    spec,
  };
  const place = { file, line: 1, column: 1 };
  return {
    address: addressOf({ kind, namespace, name }),
    manifest: made,
    digest: manifestDigest(made),
    place,
    // Two lines a level down: enough to see that the field's own place was asked for.
    locate: (pointer) => ({ ...place, line: pointer.split("/").length * 2, column: 3 }),
  };
}

export function problem(fields: Partial<Problem> = {}): Problem {
  return {
    severity: "error",
    code: "SCHEMA",
    summary: "wrong",
    detail: "",
    file: "a.yaml",
    line: 3,
    column: 5,
    ...fields,
  };
}

const HEAD = "9f8e7d6000000000000000000000000000000000";
export const BASE = "a1b2c3d000000000000000000000000000000000";

export function source(manifests: readonly LoadedManifest[], problems: readonly Problem[] = []): PlannableSource {
  const set = { manifests: [...manifests].toSorted((a, b) => (a.address < b.address ? -1 : 1)) };
  const load = { set, problems, manifestCount: manifests.length, fileCount: manifests.length };
  const identity = {
    repo: "https://git.example.test/agents.git",
    ref: "refs/heads/main",
    headSha: HEAD,
    treeSha: "7".repeat(40),
    path: "agents",
    dirty: false,
    commit: { sha: HEAD, subject: "let refunds see the order", author: "Ada", committedAt: "2026-11-01T11:58:00Z" },
  };
  return hasErrors(problems) ? { status: "invalid", identity, problems, load } : { status: "ok", identity, set, load };
}

export const NOTHING: ObservedState = { head: null, records: new Map() };

/** The state after an apply of exactly these manifests, at generation 1 and serial 41. */
export function observed(manifests: readonly LoadedManifest[]): ObservedState {
  const records = manifests.map(({ address, manifest: made, digest, place }): StateRecord => {
    const from = { repo: "https://git.example.test/agents.git", commit: BASE, ...place };
    return {
      address,
      manifest: made,
      digest,
      generation: 1,
      source: from,
      serial: 41,
      appliedAt: "2026-10-01T00:00:00Z",
    };
  });
  return stateOf(records);
}

function stateOf(records: readonly StateRecord[]): ObservedState {
  const policyDigest = policyDigestOf(records);
  const facts = {
    env: "production",
    lineage: "lin-1",
    serial: 41,
    commit: BASE,
    policyDigest,
    appliedAt: "2026-10-01T00:00:00Z",
  };
  return { head: facts, records: new Map(records.map((record) => [record.address, record])) };
}

export const TOOL = { name: "countwheel", version: "0.1.0" };
export const NOW = new Date("2026-11-01T12:00:00Z");

export function plan(input: Partial<PlanInput> & { readonly source: PlannableSource }): Plan {
  return makePlan({
    history: "fast-forward",
    observed: NOTHING,
    env: "production",
    now: NOW,
    planId: "plan-1",
    tool: TOOL,
    ...input,
  });
}

/** What the state is after the plan, without a Redis. */
export function applied(made: Plan, manifests: readonly LoadedManifest[], before: ObservedState): ObservedState {
  const appliedAt = NOW.toISOString();
  return stateOf(nextRecords({ plan: made, manifests, records: before.records, appliedAt }).all);
}
