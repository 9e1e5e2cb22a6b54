// Opens what both hooks of a push need for one environment: its settings, the pushed commit as the source, its Redis.
import { randomUUID } from "node:crypto";
import { openSource } from "../../reconciler/environment-source.ts";
import type { GitSetup } from "../../reconciler/source/git-setup.ts";
import type { TickOptions, TickSource } from "../../reconciler/tick.ts";
import type { SettingsFound } from "../environment-settings.ts";
import type { Host } from "../host.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { sourceTools } from "../plan-source.ts";
import type { RedisFlags } from "../redis.ts";
import { careOf } from "../source-care.ts";
import type { HookEnvironment } from "./hook-settings.ts";
import { readPushSettings } from "./push-settings.ts";
import type { PushWords, RefUpdate } from "./received.ts";

/** One branch that was pushed, and one environment that it is the deploy branch of. */
export interface Push {
  readonly hook: HookEnvironment;
  readonly update: RefUpdate & { readonly after: string };
  readonly words: PushWords;
  readonly gitDir: string;
  /** COUNTWHEEL_HOME of the hooks: the embedded server, and a note of each plan that was shown. */
  readonly home: string;
  /** The push changes other environments, too. */
  readonly isOneOfSeveral: boolean;
  readonly git: GitSetup;
}

export type PushOpened =
  | {
      readonly outcome: "opened";
      readonly source: TickSource;
      readonly tick: Pick<TickOptions, "source" | "settings" | "tool" | "newId" | "allowHistory">;
      /** The commit that was applied last, once the history was asked. */
      readonly base: () => string | null;
    }
  | Extract<SettingsFound, { readonly outcome: "invalid" }>;

export async function openPush(host: Host, push: Push): Promise<PushOpened> {
  const { hook, update, words, gitDir, git } = push;
  const given = { kind: "commit", repo: gitDir, ref: update.ref, commit: update.after } as const;
  const tools = { ...(await sourceTools(host, { ...given, path: "." })), git };
  const repository = { git, repo: gitDir, mirrorFolder: tools.mirrorFolder, signal: host.signal };
  const found = await readPushSettings(host, { hook, update, repository });
  if (found.outcome === "invalid") return found;
  const { settings } = found;
  const opened = openSource({ ...given, path: hook.path ?? settings.path }, { ...tools, ...careOf(found) });
  let base: string | null = null;
  const source: TickSource = {
    ...opened,
    history: (from, to, signal) => {
      base = from;
      return opened.history(from, to, signal);
    },
  };
  const tool = { name: TOOL_NAME, version: readVersion() };
  const tick = { source, settings, tool, newId: randomUUID, allowHistory: words.allowHistory };
  return { outcome: "opened", source, tick, base: () => base };
}

export function redisOf({ redis, allowUnprotected }: HookEnvironment): RedisFlags {
  return { ...(redis === null ? {} : { redis }), allowUnprotected };
}
