// Mirrors where an environment stands as GitHub's deployments: the commit that is applied, and one that waits. Level-triggered:
// each look compares the state in Redis with what is noted of GitHub, and asks nothing where both agree. What was applied and
// overtaken between two looks is not told.
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { Redis } from "../../../store/connect.ts";
import {
  type DeploymentNote,
  NO_DEPLOYMENT,
  type OpenDeployment,
  readDeploymentNote,
  writeDeploymentNote,
} from "../../../store/deployment-note.ts";
import { readHead } from "../../../store/state.ts";
import { oneLine, shorten } from "../../plan/inert.ts";
import { isFailure } from "../github/client.ts";
import type { DeploymentStatus } from "../github/deployments.ts";
import type { Github } from "../github.ts";
import type { Standing } from "./standing.ts";

export interface DeploymentTarget {
  /** What GitHub calls the environment. */
  readonly environment: string;
  /** Where it can be looked at; null: nowhere that is known. */
  readonly url: string | null;
}

export interface DeploymentTelling {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Pick<Github, "repositoryUrl" | "createDeployment" | "findDeployment" | "setDeploymentStatus">;
  readonly deployment: DeploymentTarget;
  /** Why the newest commit of the branch is not applied; null: none waits · undefined: nobody has looked yet. */
  readonly standing: Standing | null | undefined;
  readonly newId: () => string;
  /** One line for the operator. */
  readonly say: (line: string) => void;
}

/** What was said, and is not said at each look. */
export interface DeploymentMemory {
  isMute: boolean;
}

/** Answers what kept it from being told; null: nothing. */
export async function tellDeployments(
  telling: DeploymentTelling,
  memory: DeploymentMemory,
): Promise<PermanentFailure | TransientFailure | null> {
  try {
    await mirror(telling);
    memory.isMute = false;
    return null;
  } catch (error) {
    if (isFailure(error, "GITHUB_FORBIDDEN")) {
      if (!memory.isMute) telling.say(`no deployments are told of: ${error.message}`);
      memory.isMute = true;
      return null;
    }
    if (error instanceof PermanentFailure || error instanceof TransientFailure) return error;
    throw error;
  }
}

async function mirror(telling: DeploymentTelling): Promise<void> {
  const { redis, env } = telling;
  const head = await readHead(redis, env);
  const applied = head?.commit ?? null;
  let note = (await readDeploymentNote(redis, env)) ?? NO_DEPLOYMENT;
  if (applied !== null && applied !== note.active?.commit && applied !== note.unknown) {
    const serial = head?.serial ?? 0;
    note = await tellApplied(telling, note, { commit: applied, serial });
  }
  await putAway(telling, await mirrorWaiting(telling, note, applied));
}

async function mirrorWaiting(
  telling: DeploymentTelling,
  note: DeploymentNote,
  applied: string | null,
): Promise<DeploymentNote> {
  const { standing } = telling;
  if (standing === undefined) return note;
  const waits = standing !== null && standing.commit !== applied && standing.commit !== note.unknown;
  if (waits) return tellWaiting(telling, note, standing);
  return note.open === null ? note : write(telling, await withoutOpen(telling, note));
}

interface Applied {
  readonly commit: string;
  readonly serial: number;
}

async function tellApplied(
  telling: DeploymentTelling,
  before: DeploymentNote,
  { commit, serial }: Applied,
): Promise<DeploymentNote> {
  const note = await openFor(telling, before, commit);
  const id = note.open?.id;
  if (id == null) return note;
  await setStatus(telling, id, commit, { state: "success", description: `Applied as #${serial}` });
  const old = note.active === null ? note.old : [...note.old, note.active.id];
  return write(telling, { ...note, active: { commit, id }, open: null, old });
}

async function tellWaiting(
  telling: DeploymentTelling,
  before: DeploymentNote,
  { commit, state, why }: Standing,
): Promise<DeploymentNote> {
  const told = `${state} ${why}`;
  if (before.open?.commit === commit && before.open.told === told) return before;
  const note = await openFor(telling, before, commit);
  const { open } = note;
  if (open?.id == null) return note;
  await setStatus(telling, open.id, commit, { state, description: why });
  return write(telling, { ...note, open: { ...open, told } });
}

/** With a deployment of this commit. Noted before it is made: whoever died in between has it looked for. */
async function openFor(telling: DeploymentTelling, before: DeploymentNote, commit: string): Promise<DeploymentNote> {
  const isThere = before.open?.commit === commit;
  const kept = isThere ? before : await withoutOpen(telling, before);
  const open = kept.open ?? { commit, key: telling.newId(), id: null, told: "" };
  if (open.id !== null) return kept;
  const note = isThere ? kept : await write(telling, { ...kept, open });
  try {
    const id = (isThere ? await find(telling, open) : undefined) ?? (await create(telling, open));
    return await write(telling, { ...note, open: { ...open, id } });
  } catch (error) {
    if (!isFailure(error, "GITHUB_NOT_FOUND") && !isRejected(error)) throw error;
    telling.say(`a deployment is not told of: ${error.message}`);
    return await write(telling, { ...note, open: null, unknown: commit });
  }
}

function isRejected(error: unknown): error is PermanentFailure {
  return error instanceof PermanentFailure && error.code === "GITHUB_REJECTED";
}

function create({ github, deployment, env }: DeploymentTelling, { commit, key }: OpenDeployment): Promise<number> {
  const { environment } = deployment;
  return github.createDeployment(commit, { environment, key, description: cut(`Countwheel environment ${env}`) });
}

function find({ github, deployment }: DeploymentTelling, { commit, key }: OpenDeployment): Promise<number | undefined> {
  return github.findDeployment(commit, { environment: deployment.environment, key });
}

/** Nobody waits for it any more. One that failed has ended by itself. */
async function withoutOpen(telling: DeploymentTelling, note: DeploymentNote): Promise<DeploymentNote> {
  const { open } = note;
  if (open === null) return note;
  const id = open.id ?? (await find(telling, open));
  const isOver = id === undefined || open.told.startsWith("failure ");
  return { ...note, open: null, old: isOver ? note.old : [...note.old, id] };
}

/** GitHub does so by itself where an environment is not production: here it is the same for all. */
async function putAway(telling: DeploymentTelling, before: DeploymentNote): Promise<void> {
  let note = before;
  for (const id of before.old) {
    try {
      await telling.github.setDeploymentStatus(id, { state: "inactive", description: "Another commit took its place" });
    } catch (error) {
      // Somebody deleted it.
      if (!isFailure(error, "GITHUB_NOT_FOUND")) throw error;
    }
    note = await write(telling, { ...note, old: note.old.filter((other) => other !== id) });
  }
}

/** GitHub's bound. */
const DESCRIPTION_LENGTH = 140;

function cut(text: string): string {
  return shorten(oneLine(text), DESCRIPTION_LENGTH);
}

function setStatus(
  { github, deployment }: DeploymentTelling,
  id: number,
  commit: string,
  { state, description }: Pick<DeploymentStatus, "state" | "description">,
): Promise<void> {
  const where = deployment.url === null ? {} : { environment_url: deployment.url };
  const log_url = `${github.repositoryUrl}/commit/${commit}/checks`;
  return github.setDeploymentStatus(id, { state, description: cut(description), log_url, ...where });
}

async function write({ redis, env }: DeploymentTelling, note: DeploymentNote): Promise<DeploymentNote> {
  await writeDeploymentNote(redis, env, note);
  return note;
}
