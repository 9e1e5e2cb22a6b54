// What a preview's environment holds: of the pull request what agents say and how they are wired, of the base all that bounds
// them and all that they reach. Pure.
import type { Address } from "../../contracts/address.ts";
import { type Manifest, manifestAddress, manifestDigest, specDigest } from "../../contracts/manifest.ts";
import { ON_PULL_REQUEST, RUN_ON } from "../../contracts/preview.ts";
import type { PreviewSettings } from "../../contracts/preview-settings.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { LoadedManifest } from "../load/desired-set.ts";
import { judgeTask, type PreviewGround, previewGround, shown } from "./judge-task.ts";
import { limitsPolicy, previewTask } from "./limits.ts";
import { ownershipOfKind } from "./ownership.ts";

export interface ComposedPreview {
  /** Sorted by address; none where no Task may run. */
  readonly manifests: readonly LoadedManifest[];
  /** How many Tasks are marked, and how many of them run. */
  readonly marked: number;
  readonly runs: number;
  /** Sentences for people: what does not run and why, what of the pull request does not count. */
  readonly remarks: readonly string[];
}

function isMarked({ kind, metadata: { annotations } }: Manifest): boolean {
  return kind === "Task" && Object.hasOwn(annotations, RUN_ON) && annotations[RUN_ON] === ON_PULL_REQUEST;
}

export function markedTasks(manifests: readonly LoadedManifest[]): readonly LoadedManifest[] {
  return manifests.filter((loaded) => loaded.isBare !== true && isMarked(loaded.manifest));
}

export function composePreview(
  head: readonly LoadedManifest[],
  base: ReadonlyMap<Address, StateRecord>,
  settings: PreviewSettings,
): ComposedPreview {
  const ground = previewGround(head, base);
  const marked = markedTasks(head);
  const judged = marked.map((task) => ({ task, ...judgeTask(ground, task) }));
  const fit = judged.filter(({ why }) => why.length === 0);
  const run = fit.slice(0, settings.maxTasks);
  const refused = judged.filter(({ why }) => why.length > 0).map(({ task, why }) => notRun(task, why));
  const late = fit
    .slice(settings.maxTasks)
    .map(({ task }) => notRun(task, [`a preview runs ${settings.maxTasks} at most`]));
  const remarks = [...refused, ...late, ...lawRemarks(ground)];
  const facts = { marked: marked.length, runs: run.length, remarks };
  if (run.length === 0) return { manifests: [], ...facts };
  const own = new Map(run.flatMap(({ needed }) => needed).map((loaded) => [loaded.address, loaded]));
  return { manifests: wholeSet(own, base, settings), ...facts };
}

function notRun({ address }: LoadedManifest, why: readonly string[]): string {
  return `${shown(address)} does not run: ${why.join("; ")}`;
}

/** How many records are named where the pull request's do not count. */
const NAMED = 5;

function lawRemarks({ head, base }: PreviewGround): string[] {
  const addresses = new Set([...head.keys(), ...base.keys()]);
  const moved = [...addresses].filter((address) => {
    const [loaded, record] = [head.get(address)?.manifest, base.get(address)?.manifest];
    const kind = (loaded ?? record)?.kind;
    if (kind === undefined || ownershipOfKind(kind) !== "law") return false;
    return loaded === undefined || record === undefined || specDigest(loaded) !== specDigest(record);
  });
  if (moved.length === 0) return [];
  const names = moved.toSorted().slice(0, NAMED).map(shown).join(", ");
  const more = moved.length > NAMED ? ` and ${moved.length - NAMED} more` : "";
  return [`what this pull request changes of policies, roles and permissions does not count here: ${names}${more}`];
}

function wholeSet(
  own: ReadonlyMap<Address, LoadedManifest>,
  base: ReadonlyMap<Address, StateRecord>,
  settings: PreviewSettings,
): readonly LoadedManifest[] {
  const bases = [...base.values()].filter((record) => !own.has(record.address) && isCarriedOver(record));
  const mine = [...own.values()].map((loaded) => ownIn(loaded, settings));
  const limits = limitsPolicy(settings, (address) => base.has(address) || own.has(address));
  const set = [...mine, ...bases.map(ofRecord), ofLimits(limits)];
  return set.toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

/** Harmless ones, too: the head may name what only the base declares. */
function isCarriedOver({ manifest }: StateRecord): boolean {
  const kinds = ownershipOfKind(manifest.kind);
  return kinds === "law" || kinds === "reach";
}

function ownIn(loaded: LoadedManifest, settings: PreviewSettings): LoadedManifest {
  const { address, place, locate } = loaded;
  const manifest = previewTask(loaded.manifest, settings);
  return { address, manifest, digest: manifestDigest(manifest), place, locate };
}

function ofRecord({ address, manifest, digest, source: { file, line, column } }: StateRecord): LoadedManifest {
  const place = { file, line, column };
  return { address, manifest, digest, place, locate: () => place };
}

function ofLimits(manifest: Manifest): LoadedManifest {
  const place = { file: "countwheel.yaml", line: 1, column: 1 };
  const address = manifestAddress(manifest);
  return { address, manifest, digest: manifestDigest(manifest), place, locate: () => place };
}
