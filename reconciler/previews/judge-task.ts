// Why a marked Task may not run in a preview: all that it needs is looked through, from the Task to the secrets of its tools.
// Pure.
import { type Address, parseAddress } from "../../contracts/address.ts";
import { specDigest } from "../../contracts/manifest.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { createReferences, type ReadReferences } from "../plan/references.ts";
import { type Ownership, ownershipOf, ownershipOfKind } from "./ownership.ts";
import { type SubjectRules, subjectRules } from "./subjects.ts";

export interface PreviewGround {
  readonly head: ReadonlyMap<Address, LoadedManifest>;
  readonly base: ReadonlyMap<Address, StateRecord>;
  readonly references: ReadReferences;
  readonly rules: SubjectRules;
}

export function previewGround(
  manifests: readonly LoadedManifest[],
  base: ReadonlyMap<Address, StateRecord>,
): PreviewGround {
  const head = new Map(manifests.map((loaded) => [loaded.address, loaded]));
  return { head, base, references: createReferences([...head.keys(), ...base.keys()]), rules: subjectRules(base) };
}

export interface JudgedTask {
  /** Sentences; none: it may run. */
  readonly why: readonly string[];
  /** What of the head it needs: itself, its system, its agents, and what reaches nothing. */
  readonly needed: readonly LoadedManifest[];
}

export function judgeTask(ground: PreviewGround, task: LoadedManifest): JudgedTask {
  const [seen, needed, why] = [new Set<Address>([task.address]), [] as LoadedManifest[], [] as string[]];
  // Grows while it is gone through.
  for (const address of seen) {
    const found = judge(ground, address);
    if (found.own !== undefined) needed.push(found.own);
    if (found.why !== undefined) why.push(found.why);
    for (const next of found.next) seen.add(next);
  }
  return { why, needed };
}

interface Found {
  readonly next: readonly Address[];
  readonly own?: LoadedManifest;
  readonly why?: string | undefined;
}

function judge(ground: PreviewGround, address: Address): Found {
  const { head, base, references } = ground;
  const [loaded, record] = [head.get(address), base.get(address)];
  // Nothing of that name anywhere: a tool of a server or of a memory, a Secret that lies elsewhere.
  if (loaded === undefined && record === undefined) return { next: [] };
  if (loaded !== undefined && ownershipOf(loaded.manifest, record?.manifest) === "head")
    return { next: references(loaded.manifest), own: loaded, why: judgeOwn(ground, loaded) };
  if (kindOwner(address) !== "reach") return { next: [] };
  const next = [loaded?.manifest, record?.manifest].flatMap((manifest) =>
    manifest === undefined ? [] : references(manifest),
  );
  return { next, why: judgeReach(address, loaded, record) };
}

function kindOwner(address: Address): Ownership {
  const kind = parseAddress(address)?.kind;
  return kind === undefined ? "reach" : ownershipOfKind(kind);
}

function judgeOwn({ rules }: PreviewGround, { manifest }: LoadedManifest): string | undefined {
  if (manifest.kind === "Agent") return rules.agent(manifest);
  if (manifest.kind === "AgentSystem") return rules.system(manifest);
  return manifest.kind === "Task" ? rules.task(manifest) : undefined;
}

/** Nothing is started, opened or asked that the base does not have in exactly this form. */
function judgeReach(
  address: Address,
  loaded: LoadedManifest | undefined,
  record: StateRecord | undefined,
): string | undefined {
  const name = shown(address);
  if (record === undefined) return `${name} is new: what it starts, opens or reaches is not the base's`;
  if (loaded === undefined) return `${name} is gone from the pull request, and needed`;
  if (specDigest(loaded.manifest) === specDigest(record.manifest)) return undefined;
  return `${name} is not the base's: what it starts, opens or reaches was changed`;
}

/** `McpServer \`files\``. */
export function shown(address: Address): string {
  const found = parseAddress(address);
  if (found === undefined) return `\`${address}\``;
  const { kind, namespace, name } = found;
  return `${kind} \`${namespace === "default" ? name : `${namespace}/${name}`}\``;
}
