// What GitHub was told of where an environment stands: the deployment of the commit that is applied, and that of one which
// waits. Remembered, never believed: where it is gone, the commit that is applied is told once more.
import { PermanentFailure } from "../contracts/failure.ts";
import { ask } from "./ask.ts";
import type { Redis } from "./connect.ts";
import { githubKeys } from "./github-keys.ts";
import { jsonOf, listOf, numberOf, objectOf, textOf } from "./reply.ts";

export interface DeploymentNote {
  /** Of the commit that is applied. */
  readonly active: { readonly commit: string; readonly id: number } | null;
  /** Not applied yet. `id` null: it may be there, and nobody knows its number · `told`: the state that was set last. */
  readonly open: OpenDeployment | null;
  /** Numbers of those that are still to be put away. */
  readonly old: readonly number[];
  /** A commit that GitHub does not know. */
  readonly unknown: string | null;
}

export interface OpenDeployment {
  readonly commit: string;
  readonly key: string;
  readonly id: number | null;
  readonly told: string;
}

export const NO_DEPLOYMENT: DeploymentNote = { active: null, open: null, old: [], unknown: null };

/** undefined: none was written. */
export async function readDeploymentNote(redis: Redis, env: string): Promise<DeploymentNote | undefined> {
  const text = await ask(redis, () => redis.get(githubKeys(env).deployment));
  return text === null ? undefined : parseNote(text);
}

export async function writeDeploymentNote(redis: Redis, env: string, note: DeploymentNote): Promise<void> {
  await ask(redis, () => redis.set(githubKeys(env).deployment, JSON.stringify(note)));
}

function parseNote(text: string): DeploymentNote | undefined {
  const what = "the note of deployments";
  try {
    const { active, open, old, unknown } = objectOf(what, jsonOf(what, text));
    return {
      active: active === null ? null : parseActive(what, active),
      open: open === null ? null : parseOpen(what, open),
      old: listOf(what, old).map((id) => numberOf(what, id)),
      unknown: unknown === null ? null : textOf(what, unknown),
    };
  } catch (error) {
    if (error instanceof PermanentFailure) return undefined;
    throw error;
  }
}

function parseActive(what: string, value: unknown): NonNullable<DeploymentNote["active"]> {
  const { commit, id } = objectOf(what, value);
  return { commit: textOf(what, commit), id: numberOf(what, id) };
}

function parseOpen(what: string, value: unknown): OpenDeployment {
  const { commit, key, id, told } = objectOf(what, value);
  return {
    commit: textOf(what, commit),
    key: textOf(what, key),
    id: id === null ? null : numberOf(what, id),
    told: textOf(what, told),
  };
}
