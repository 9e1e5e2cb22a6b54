// The settings that a push is judged by: those of the commit that the branch stood at, as a pull request is judged by its
// base. What a push changes in `countwheel.yaml` holds for the pushes after it.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { EnvironmentsAnswer } from "../../reconciler/environments/read-environments.ts";
import { SETTINGS_FILE } from "../../reconciler/environments/settings-file.ts";
import { settingsNamed } from "../../reconciler/environments/settings-named.ts";
import { renderProblem } from "../../reconciler/plan/render-problem.ts";
import type { RepositoryOptions } from "../../reconciler/source/locate-repository.ts";
import { readCommitText } from "../../reconciler/source/read-commit-text.ts";
import { findSettings, type SettingsFound } from "../environment-settings.ts";
import { EXIT } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { printFailure, say } from "../output.ts";
import type { HookEnvironment } from "./hook-settings.ts";
import type { RefUpdate } from "./received.ts";

export interface PushedTo {
  readonly hook: HookEnvironment;
  readonly update: RefUpdate & { readonly after: string };
  readonly repository: RepositoryOptions;
}

/** What is wrong has been told where it is `invalid`. Throws PermanentFailure where a commit cannot be read. */
export async function readPushSettings(host: Host, { hook, update, repository }: PushedTo): Promise<SettingsFound> {
  const { env, config } = hook;
  if (config !== null) return await findSettings(host, { env, output: "text", config });
  const { before, after } = update;
  const [old, next] = await Promise.all([
    before === null ? undefined : readAt(repository, before),
    readAt(repository, after),
  ]);
  if (next.outcome === "invalid") return refuseBroken(host, next);
  return { outcome: "found", settings: judging(env, old, next), folder: repository.repo };
}

async function readAt(repository: RepositoryOptions, ref: string): Promise<EnvironmentsAnswer> {
  const answer = await readCommitText({
    ...repository,
    ref,
    path: SETTINGS_FILE,
    what: "the settings of environments",
  });
  if (answer.status === "unavailable") throw new PermanentFailure(answer.reason.code, answer.reason.message);
  if (answer.text === null) return { outcome: "read", environments: new Map() };
  // Imported only where there is a file: its readers of YAML and of cron take a tenth of a push's time.
  const { readEnvironments } = await import("../../reconciler/environments/read-environments.ts");
  return readEnvironments(SETTINGS_FILE, answer.text);
}

type Read = Extract<EnvironmentsAnswer, { readonly outcome: "read" }>;

/** The first push of a branch brings its own; one that mends a broken file is judged by the defaults. */
function judging(env: string, old: EnvironmentsAnswer | undefined, next: Read): EnvironmentSettings {
  const { settings } = settingsNamed((old?.outcome === "read" ? old : next).environments, env);
  if (old?.outcome !== "invalid") return settings;
  const { path, overlays } = settings;
  return { ...defaultSettings(env), path, overlays };
}

function refuseBroken(host: Host, { problems }: Extract<EnvironmentsAnswer, { outcome: "invalid" }>): SettingsFound {
  for (const problem of problems)
    say(
      host,
      renderProblem(problem, (_style, text) => text),
    );
  const message = `${SETTINGS_FILE} of the pushed commit is broken. Next: mend it, commit, then git push again`;
  return {
    outcome: "invalid",
    exitCode: printFailure(host, "text", { code: "SETTINGS_INVALID", message, exitCode: EXIT.invalid, details: {} }),
  };
}
