// Saves a plan to a file and reads it back: whole or not at all, and never one that was altered.
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { addressOf, parseAddress } from "../../contracts/address.ts";
import { canonicalJson } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type Change, PLAN_FORMAT_VERSION, type Plan, planDigest } from "../../contracts/plan.ts";
import type { StateKey } from "../../contracts/state-key.ts";
import { countActions } from "./make-plan.ts";
import { checkPlanShape } from "./plan-shape.ts";

/** Readable by its owner only: a plan tells what an environment holds, though not its secrets. */
const PLAN_MODE = 0o600;

/** Written beside the file and renamed over it: a reader sees the old plan or the new one. */
export async function writeSavedPlan(file: string, plan: Plan, key?: StateKey): Promise<void> {
  const draft = `${file}.${plan.planId}.tmp`;
  try {
    const handle = await open(draft, "wx", PLAN_MODE);
    const sealed = key === undefined ? plan : { ...plan, seal: key.seal(sealedParts(plan)) };
    await writeAndClose(handle, `${JSON.stringify(sealed, null, 2)}\n`);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw new PermanentFailure("PLAN_NOT_SAVED", `the plan could not be written to \`${file}\``, { cause: error });
  }
}

/** All of it: the digest leaves out the id and the times, and when a plan expires must not be anybody's to say. */
function sealedParts(plan: Plan): string[] {
  return ["plan", plan.planId, String(plan.state.serial), plan.state.lineage, canonicalJson(plan)];
}

async function writeAndClose(handle: FileHandle, text: string): Promise<void> {
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a file's text means to be a plan: manifests may be JSON, too. */
export function isSavedPlan(text: string): boolean {
  const value = parseJson(text);
  return typeof value === "object" && value !== null && "formatVersion" in value && "planId" in value;
}

/** Throws PermanentFailure PLAN_UNREADABLE, PLAN_FORMAT or PLAN_ALTERED. */
export async function readSavedPlan(file: string, key?: StateKey): Promise<Plan> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new PermanentFailure("PLAN_UNREADABLE", `the plan \`${file}\` cannot be read`, { cause: error });
  });
  return parseSavedPlan(file, text, key);
}

/** With a key also PLAN_UNSEALED, and PLAN_ALTERED for a seal that does not fit. */
export function parseSavedPlan(file: string, text: string, key?: StateKey): Plan {
  const value = parseJson(text);
  const version =
    typeof value === "object" && value !== null && "formatVersion" in value ? value.formatVersion : undefined;
  if (typeof version === "string" && version !== PLAN_FORMAT_VERSION) {
    throw new PermanentFailure(
      "PLAN_FORMAT",
      `\`${file}\` has the format ${version}, this Countwheel reads ${PLAN_FORMAT_VERSION}`,
    );
  }
  const checked = checkPlanShape(value);
  if (checked.outcome === "other") {
    throw new PermanentFailure("PLAN_UNREADABLE", `\`${file}\` is no plan: ${checked.reason}`);
  }
  const { seal, ...plan } = checked.plan as Plan & { readonly seal?: unknown };
  checkSeal(file, plan, seal, key);
  const { digest, ...body } = plan;
  if (planDigest(body) === digest && isConsistent(plan)) return plan;
  throw altered(file, "its digest does not fit");
}

/** Without a key a seal says nothing, and the digest is what there is. */
function checkSeal(file: string, plan: Plan, seal: unknown, key: StateKey | undefined): void {
  const verdict = key?.verify(typeof seal === "string" ? seal : "", sealedParts(plan)) ?? "verified";
  if (verdict === "verified") return;
  if (verdict === "forged") throw altered(file, "its seal does not fit");
  const why = verdict === "unsealed" ? "it carries no seal" : "it was sealed by a key that is not set here";
  throw new PermanentFailure("PLAN_UNSEALED", `nobody can tell who made \`${file}\`: ${why}. Plan again.`);
}

function altered(file: string, why: string): PermanentFailure {
  return new PermanentFailure("PLAN_ALTERED", `\`${file}\` was altered after it was made: ${why}. Plan again.`);
}

/** A digest is no signature: what people read and confirm must be what is applied, whoever wrote the file. */
function isConsistent({ changes, counts, confirm }: Plan): boolean {
  const counted = countActions(changes);
  return (
    changes.every(isAddressed) &&
    (confirm === null || confirm.prunes === counts.prune) &&
    Object.entries(counted).every(([name, count]) => counts[name as keyof typeof counted] === count)
  );
}

function isAddressed(change: Change): boolean {
  const { action, previousAddress } = change;
  if (change.address !== addressOf(change) || (action === "move") !== (previousAddress !== undefined)) return false;
  return previousAddress === undefined || parseAddress(previousAddress)?.kind === change.kind;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
