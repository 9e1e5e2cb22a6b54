// What a look at the world beyond the records is: probes, what they find, and what they cannot tell. Pure.
import type { Address } from "../../contracts/address.ts";
import type { DriftChange, DriftCode } from "../../contracts/drift.ts";
import type { IgnoreRule } from "../../contracts/environment.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { hideSensitive } from "../../contracts/sensitive.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { isIgnored } from "./ignore.ts";

export interface WorldFinding {
  readonly record: StateRecord;
  readonly code: Extract<DriftCode, `${"TOOL" | "SECRET" | "ENDPOINT" | "SCHEDULE"}_${string}`>;
  /** The field that relies on the world. */
  readonly pointer: string;
  /** One line for people, without secrets. */
  readonly message: string;
  /** What the record says, and what the world says; never a secret's value. */
  readonly before?: unknown;
  readonly after?: unknown;
  /** Lines for people: what is another thing about it, where the two digests say too little. */
  readonly difference?: readonly string[];
  /** One sentence: how the world becomes what the record says. */
  readonly revert: string;
}

export interface ProbeAnswer {
  readonly findings: readonly WorldFinding[];
  /** Lines for people: what could not be told this time. That is no drift. */
  readonly unknown: readonly string[];
}

/** Looks at one part of the world. Throws only what Redis throws; whatever else fails is unknown. */
export interface Probe {
  readonly name: string;
  look(records: readonly StateRecord[], signal: AbortSignal): Promise<ProbeAnswer>;
}

export async function runProbes(
  probes: readonly Probe[],
  records: readonly StateRecord[],
  signal: AbortSignal,
): Promise<ProbeAnswer> {
  const answers = await Promise.all(probes.map((probe) => probe.look(records, signal)));
  return {
    findings: answers.flatMap(({ findings }) => findings),
    unknown: answers.flatMap(({ unknown }) => unknown),
  };
}

/** By address and field. `manifests` say where the field stands now. */
export function worldDrift(
  findings: readonly WorldFinding[],
  manifests: readonly LoadedManifest[],
  ignore: readonly IgnoreRule[],
): DriftChange[] {
  const declared = new Map<Address, LoadedManifest>(manifests.map((loaded) => [loaded.address, loaded]));
  return findings
    .filter(({ record, pointer }) => !isIgnored(record.manifest, pointer, ignore))
    .map((finding) => describe(finding, declared.get(finding.record.address)));
}

function describe(finding: WorldFinding, declared: LoadedManifest | undefined): DriftChange {
  const { record, pointer, code, message, before, after, difference, revert } = finding;
  const { kind, metadata } = record.manifest;
  const { file, line, column } = record.source;
  const source = declared?.locate(pointer) ?? { file, line, column };
  const values = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
  return {
    address: record.address,
    kind,
    namespace: metadata.namespace,
    name: metadata.name,
    action: "update",
    reason: message,
    source,
    before: hideSensitive(record.manifest),
    sensitivePaths: [],
    fields: [{ path: pointer, ...values, source }],
    drift: { sort: "world", code, mend: revert, ...(difference === undefined ? {} : { difference }) },
  };
}
