// What `hook install` has written down in the repository's own configuration: which branch is which environment, and how.
// No secret stands there: those are in a file of the operator's that the hook reads.
import { parseDuration } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type ConfigFile, readGitConfig, removeGitConfig, writeGitConfig } from "../../reconciler/source/git-config.ts";

/** One environment that a push can change: `countwheel.<env>.*`. */
export interface HookEnvironment {
  readonly env: string;
  /** The deploy branch, in full. */
  readonly ref: string;
  /** null: as the settings of the environment say. */
  readonly path: string | null;
  /** null: as the hook's environment says, else the embedded server. Without a password. */
  readonly redis: string | null;
  readonly allowUnprotected: boolean;
  /** A settings file on this machine; null: `countwheel.yaml` of the commit that the branch stood at. */
  readonly config: string | null;
  /** What becomes of a push that cannot be planned, because the state or the repository cannot be read. */
  readonly onUnavailable: "refuse" | "accept";
  /** How long a push waits for the tasks that it started, in milliseconds. */
  readonly followMs: number;
}

export interface HookSettings {
  readonly environments: readonly HookEnvironment[];
  /** COUNTWHEEL_HOME of the hooks. */
  readonly home: string | null;
  /** Variables of the hooks, secrets among them. */
  readonly envFile: string | null;
}

export const FOLLOW_MS = 10_000;

export async function readHookSettings(file: ConfigFile): Promise<HookSettings> {
  const values = await readGitConfig(file, "^countwheel\\.");
  const names = new Set([...values.keys()].flatMap((key) => /^countwheel\.(.+)\.ref$/.exec(key)?.[1] ?? []));
  return {
    environments: [...names].map((env) => environmentOf(env, (name) => values.get(`countwheel.${env}.${name}`))),
    home: values.get("countwheel.home") ?? null,
    envFile: values.get("countwheel.envfile") ?? null,
  };
}

function environmentOf(env: string, value: (name: string) => string | undefined): HookEnvironment {
  return {
    env,
    ref: value("ref") ?? "",
    path: value("path") ?? null,
    redis: value("redis") ?? null,
    allowUnprotected: value("allowunprotected") === "true",
    config: value("config") ?? null,
    onUnavailable: oneOf(env, value("onunavailable") ?? "refuse"),
    followMs: followOf(env, value("follow")),
  };
}

function oneOf(env: string, word: string): HookEnvironment["onUnavailable"] {
  if (word === "refuse" || word === "accept") return word;
  throw misconfigured(env, "onUnavailable", "`refuse` or `accept`");
}

function followOf(env: string, text: string | undefined): number {
  const ms = text === undefined ? FOLLOW_MS : parseDuration(text);
  if (ms !== undefined) return ms;
  throw misconfigured(env, "follow", "a duration such as `10s`");
}

function misconfigured(env: string, name: string, what: string): PermanentFailure {
  return new PermanentFailure(
    "HOOK_MISCONFIGURED",
    `countwheel.${env}.${name} in the repository's config must be ${what}`,
  );
}

/** Names of variables as `HookEnvironment` has them. What is undefined stays as it is. */
export async function writeEnvironment(
  file: ConfigFile,
  env: string,
  values: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  for (const [name, value] of Object.entries(values))
    if (value !== undefined) await writeGitConfig(file, `countwheel.${env}.${name}`, value);
}

const NAMES = ["path", "redis", "allowUnprotected", "config", "onUnavailable", "follow", "ref"] as const;

export async function removeEnvironment(file: ConfigFile, env: string): Promise<void> {
  for (const name of NAMES) await removeGitConfig(file, `countwheel.${env}.${name}`);
}
