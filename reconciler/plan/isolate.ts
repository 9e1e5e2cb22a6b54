// What may be applied of a set that holds broken manifests: those that need nothing broken, and no prune. Pure.
import type { Address } from "../../contracts/address.ts";
import { parseAddress } from "../../contracts/address.ts";
import type { Change } from "../../contracts/plan.ts";
import { isPolicyKind } from "../../contracts/policy-digest.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { createReferences } from "./references.ts";

export interface IsolateInput {
  /** The valid ones. */
  readonly manifests: readonly LoadedManifest[];
  readonly problems: readonly Problem[];
  readonly records: ReadonlyMap<Address, StateRecord>;
}

/** Rows that cannot be carried out beside broken manifests, blocked with what they wait for. */
export function blockUnsafe(changes: readonly Change[], input: IsolateInput): readonly Change[] {
  const policy = findBrokenPolicy(input);
  const cause = policy === undefined ? brokenNeeds(input) : () => policy;
  return changes.map((change) => {
    const message = change.blocked === undefined ? (unsafe(change) ?? cause(change.address)) : undefined;
    return message === undefined ? change : { ...change, blocked: { code: "ISOLATED", message } };
  });
}

/** A broken file may hold the manifest of any record, and so the old name of what seems to have moved. */
function unsafe({ action }: Change): string | undefined {
  return action === "prune" || action === "move" ? "nothing goes while manifests are broken" : undefined;
}

/** Whoever is deployed without the rule that was meant for him may do what nobody allowed. */
function findBrokenPolicy({ manifests, problems, records }: IsolateInput): string | undefined {
  const errors = problems.filter(({ severity }) => severity === "error");
  const named = errors.find(({ address }) => isPolicyAddress(address))?.address;
  const unread = new Set(errors.filter(({ address }) => address === undefined).map(({ file }) => file));
  const valid = new Set(manifests.map(({ address }) => address));
  const hidden = [...records.values()].find(
    ({ address, source, manifest }) => isPolicyKind(manifest.kind) && unread.has(source.file) && !valid.has(address),
  );
  const broken = named ?? hidden?.address;
  return broken === undefined ? undefined : `\`${broken}\` is broken: nothing changes without the policy`;
}

function isPolicyAddress(address: string | undefined): boolean {
  const kind = address === undefined ? undefined : parseAddress(address)?.kind;
  return kind !== undefined && (isPolicyKind(kind) || kind === "PolicyTest");
}

/** Answers what a manifest waits for: a broken one that it needs, directly or through others. */
function brokenNeeds({ manifests, problems, records }: IsolateInput): (address: Address) => string | undefined {
  const valid = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  const read = createReferences([...valid.keys(), ...records.keys()]);
  const errors = problems.filter(({ severity }) => severity === "error");
  const broken = new Set<string>(errors.flatMap(({ address }) => address ?? []));
  const needs = new Map(manifests.map(({ address, manifest }) => [address, read(manifest)]));
  const waiting = new Map<Address, Address>();
  for (let grown = true; grown; ) {
    grown = false;
    for (const [address, targets] of needs) {
      const target = waiting.has(address) ? undefined : targets.find((to) => isMissing(to));
      if (target === undefined) continue;
      waiting.set(address, target);
      grown = true;
    }
  }
  function isMissing(target: Address): boolean {
    if (broken.has(target) || waiting.has(target)) return true;
    // What nothing declares any more may stand in the broken file: it is there still, but not within what is valid.
    return !valid.has(target) && records.has(target);
  }
  return (address) => {
    const target = waiting.get(address);
    if (target === undefined) return broken.has(address) ? "its manifest has errors" : undefined;
    return `it needs \`${target}\`, which is broken or needs what is`;
  };
}
