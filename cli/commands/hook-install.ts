// `hook install <bare repository>`: puts the hooks in, and writes down which branch is which environment.
import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { renderDuration } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { writeGitConfig } from "../../reconciler/source/git-config.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { type BareRepository, deployBranch, openBare } from "../hook/bare-repository.ts";
import { HOOK_NAMES, hookState, writeHook } from "../hook/hook-files.ts";
import { FOLLOW_MS, readHookSettings, writeEnvironment } from "../hook/hook-settings.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { packageRoot } from "../package-facts.ts";
import { shellWord } from "../plan-source.ts";

export interface HookInstallOptions extends CommonFlags {
  readonly repository: string;
  readonly ref?: string;
  readonly path?: string;
  readonly config?: string;
  readonly envFile?: string;
  /** Milliseconds. */
  readonly follow?: number;
  readonly onUnavailable?: "refuse" | "accept";
  /** Hooks that are there already run before ours. */
  readonly chain: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runHookInstall(host: Host, options: HookInstallOptions): Promise<ExitCode> {
  const repository = await openBare(host, options.repository);
  const ref = await deployBranch(repository, options.ref);
  const redis = redisToWrite(host, options);
  const main = builtProgram();
  await refuseForeign(repository, options);
  const before = await readHookSettings(repository);
  const envFile = options.envFile === undefined ? before.envFile : secretFile(resolve(host.cwd, options.envFile));
  const home = host.config.home ?? before.home ?? join(repository.gitDir, ".countwheel");
  await writeEnvironment(repository, options.env, {
    ref,
    path: options.path,
    redis,
    allowUnprotected: options.allowUnprotected === true ? "true" : undefined,
    config: options.config === undefined ? undefined : resolve(host.cwd, options.config),
    follow: options.follow === undefined ? undefined : `${options.follow}ms`,
    onUnavailable: options.onUnavailable,
  });
  await writeGitConfig(repository, "countwheel.home", resolve(host.cwd, home));
  if (envFile !== null) await writeGitConfig(repository, "countwheel.envFile", envFile);
  // Without it git lets no push option through.
  await writeGitConfig(repository, "receive.advertisePushOptions", "true");
  for (const name of HOOK_NAMES)
    await writeHook(repository.hooksFolder, name, { node: process.execPath, main, envFile });
  return await tell(host, options, repository);
}

/** Hooks run without the shell of whoever installs them: what it says must be written down, and no password may be. */
function redisToWrite({ config }: Host, { redis, envFile }: HookInstallOptions): string | undefined {
  const url = redis ?? (envFile === undefined ? config.redisUrl : undefined);
  if (envFile === undefined && (config.stateKey !== undefined || config.auditKey !== undefined))
    throw new UsageFailure(
      "hooks do not see your environment: put COUNTWHEEL_STATE_KEY and COUNTWHEEL_AUDIT_KEY into a file, and name it with --env-file",
    );
  if (url === undefined || !hasPassword(url)) return url;
  throw new UsageFailure(
    "the Redis URL holds a password, which the repository's config must not: put COUNTWHEEL_REDIS_URL=… into a file that only the repository's account reads, and name it with --env-file",
  );
}

function hasPassword(url: string): boolean {
  return !URL.canParse(url) || new URL(url).password !== "";
}

function secretFile(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw new UsageFailure(`--env-file ${file} is no file`);
  if ((found.mode & 0o007) === 0) return file;
  throw new UsageFailure(`${file} can be read by everybody on this machine: chmod 600 ${shellWord(file)}`);
}

/** From sources the command is started by a loader that a hook has not. */
function builtProgram(): string {
  const main = join(packageRoot(), "dist", "cli", "main.js");
  if (statSync(main, { throwIfNoEntry: false }) === undefined)
    throw new PermanentFailure("NOT_BUILT", `${main} is not there: npm run build`);
  if (/[\\/]_npx[\\/]/.test(main))
    throw new PermanentFailure(
      "NOT_INSTALLED",
      "npx keeps nothing for long, and hooks need the command to stay where it is: npm install --global countwheel",
    );
  return main;
}

async function refuseForeign(
  { hooksFolder }: BareRepository,
  { chain, repository }: HookInstallOptions,
): Promise<void> {
  if (chain) return;
  for (const name of HOOK_NAMES) {
    if ((await hookState(hooksFolder, name)) !== "foreign") continue;
    const text = `${join(hooksFolder, name)} is there already. With --chain it is kept beside ours and runs first: countwheel hook install ${shellWord(repository)} --chain`;
    throw new PermanentFailure("HOOK_EXISTS", text);
  }
}

async function tell(
  host: Host,
  { env, output, repository }: HookInstallOptions,
  bare: BareRepository,
): Promise<ExitCode> {
  const { environments, home } = await readHookSettings(bare);
  const { gitDir, hooksFolder } = bare;
  if (output === "json") {
    const hooks = HOOK_NAMES.map((name) => join(hooksFolder, name));
    printJson(host, { formatVersion: "1", repository: gitDir, env, home, hooks, environments });
    return EXIT.ok;
  }
  for (const { env: name, ref, path, redis, followMs, onUnavailable } of environments) {
    const state = redis ?? `as the hooks' environment says, else the embedded server in ${home ?? ""}`;
    const lenient = onUnavailable === "accept" ? ", lets in what cannot be planned" : "";
    const follow = followMs === FOLLOW_MS ? "" : `, follows tasks for ${renderDuration(followMs)}`;
    host.stdout.write(
      `${name}: ${ref}, ${path === null ? "path of countwheel.yaml" : path}; Redis: ${state}${follow}${lenient}\n`,
    );
  }
  say(host, `Hooks are in ${hooksFolder}.`);
  say(
    host,
    `Next: git push ${shellWord(repository)} <branch>; take them out with countwheel hook uninstall ${shellWord(repository)}`,
  );
  return EXIT.ok;
}
