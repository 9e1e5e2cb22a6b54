// `hook uninstall <bare repository>`: one environment, or all of them with the hooks. The state in Redis stays as it is.

import { removeGitConfig } from "../../reconciler/source/git-config.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { openBare } from "../hook/bare-repository.ts";
import { HOOK_NAMES, removeHook } from "../hook/hook-files.ts";
import { readHookSettings, removeEnvironment } from "../hook/hook-settings.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say, UsageFailure } from "../output.ts";

export interface HookUninstallOptions {
  readonly repository: string;
  /** Only this one. */
  readonly env?: string;
  readonly output: OutputFormat;
}

export async function runHookUninstall(
  host: Host,
  { repository, env, output }: HookUninstallOptions,
): Promise<ExitCode> {
  const bare = await openBare(host, repository);
  const names = (await readHookSettings(bare)).environments.map((environment) => environment.env);
  if (env !== undefined && !names.includes(env))
    throw new UsageFailure(
      `no hook of ${bare.gitDir} deploys environment \`${env}\`; it has ${names.join(", ") || "none"}`,
    );
  const gone = env === undefined ? names : [env];
  for (const name of gone) await removeEnvironment(bare, name);
  const isLast = gone.length === names.length;
  const hooks = isLast ? await removeHooks(bare) : [];
  if (output === "json") printJson(host, { formatVersion: "1", repository: bare.gitDir, environments: gone, hooks });
  else {
    for (const name of gone) host.stdout.write(`A push changes environment ${name} no more.\n`);
    for (const name of hooks) host.stdout.write(`The hook ${name} is taken out.\n`);
  }
  say(host, "What was applied stays as it is. Next: countwheel get agentsystems");
  return EXIT.ok;
}

/** `receive.advertisePushOptions` stays: other hooks may have come to need it. */
async function removeHooks(bare: Awaited<ReturnType<typeof openBare>>): Promise<string[]> {
  const removed: string[] = [];
  for (const name of HOOK_NAMES) if ((await removeHook(bare.hooksFolder, name)) === "ours") removed.push(name);
  for (const name of ["home", "envFile"]) await removeGitConfig(bare, `countwheel.${name}`);
  return removed;
}
