// Finds the settings of the environment that a command is for: in `countwheel.yaml` as it lies before the operator, never
// in the commit that is planned, which could otherwise loosen what it is judged by.
import { readFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { EnvironmentSettings } from "../contracts/environment.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import type { Problem } from "../contracts/problem.ts";
import type { SourceSpec } from "../reconciler/environment-source.ts";
import type { Environments } from "../reconciler/environments/read-environments.ts";
import { SETTINGS_FILE } from "../reconciler/environments/settings-file.ts";
import { settingsNamed } from "../reconciler/environments/settings-named.ts";
import { renderProblem } from "../reconciler/plan/render-problem.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host, OutputFormat } from "./host.ts";
import { paintFor, printFailure, say } from "./output.ts";
import { commitSpec, type SourceFlags, sourceSpec } from "./plan-source.ts";
import { repositoryRoot } from "./repository-root.ts";

export interface SettingsFlags {
  readonly env: string;
  readonly output: OutputFormat;
  /** Another file than `countwheel.yaml` at the repository's root. */
  readonly config?: string;
}

/** All that the file declares; `folder` is where it lies, which its relative paths begin at. */
export interface FoundEnvironments {
  readonly outcome: "found";
  readonly environments: Environments;
  readonly folder: string;
}

export type EnvironmentsFound = FoundEnvironments | { readonly outcome: "invalid"; readonly exitCode: ExitCode };

/** What is wrong with the file has been told already where it is `invalid`. */
export async function findEnvironments(host: Host, flags: Omit<SettingsFlags, "env">): Promise<EnvironmentsFound> {
  const file =
    flags.config === undefined ? join(repositoryRoot(host.cwd), SETTINGS_FILE) : resolve(host.cwd, flags.config);
  const text = await readSettingsFile(file, flags.config !== undefined);
  const folder = dirname(file);
  if (text === undefined) return { outcome: "found", environments: new Map(), folder };
  // Imported only where there is a file: its readers of YAML and of cron are a part of every command's start else.
  const { readEnvironments } = await import("../reconciler/environments/read-environments.ts");
  const answer = readEnvironments(relative(host.cwd, file) || basename(file), text);
  if (answer.outcome === "read") return { ...answer, outcome: "found", folder };
  return { outcome: "invalid", exitCode: printInvalid(host, flags.output, answer.problems) };
}

async function readSettingsFile(file: string, isAsked: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (isGone && !isAsked) return undefined;
    throw new PermanentFailure("SETTINGS_UNREADABLE", `the settings \`${file}\` cannot be read`, { cause: error });
  }
}

function printInvalid(host: Host, output: OutputFormat, problems: readonly Problem[]): ExitCode {
  const paint = paintFor(host.stderr, host.config.color);
  for (const problem of problems) say(host, renderProblem(problem, paint));
  const message = `${SETTINGS_FILE} must be mended first; nothing was read or changed`;
  return printFailure(host, output, {
    code: "SETTINGS_INVALID",
    message,
    exitCode: EXIT.invalid,
    details: { problems },
  });
}

export type SettingsFound =
  | { readonly outcome: "found"; readonly settings: EnvironmentSettings; readonly folder: string }
  | { readonly outcome: "invalid"; readonly exitCode: ExitCode };

/** An environment that the file does not know gets the careful defaults. */
export async function findSettings(host: Host, flags: SettingsFlags): Promise<SettingsFound> {
  const found = await findEnvironments(host, flags);
  if (found.outcome === "invalid") return found;
  const { settings, remark } = settingsNamed(found.environments, flags.env);
  if (remark !== null) say(host, remark);
  return { outcome: "found", settings, folder: found.folder };
}

export interface Placed {
  readonly settings: EnvironmentSettings;
  readonly folder: string;
}

/** What the command says wins; what it leaves open is as the environment says; then where the user stands. */
export function environmentSpec(host: Host, flags: SourceFlags, placed: Placed): SourceSpec {
  const { settings, folder } = placed;
  const isCommit = flags.repo !== undefined || flags.ref !== undefined || isElsewhere(settings);
  if (flags.folder !== undefined) return sourceSpec(host, flags);
  if (isCommit) return environmentCommit(host, flags, placed);
  if (flags.path !== undefined || settings.path === ".") return sourceSpec(host, flags);
  return sourceSpec(host, { folder: join(folder, settings.path) });
}

/** The same for commands that read commits alone. Another repository is none of the environment's. */
export function environmentCommit(
  host: Host,
  flags: Pick<SourceFlags, "repo" | "ref" | "path">,
  { settings, folder }: Placed,
): ReturnType<typeof commitSpec> {
  if (flags.repo !== undefined) return commitSpec(host, flags);
  const { repo, ref, path } = settings;
  const from = isElsewhere(settings) ? { ...host, cwd: folder } : host;
  return commitSpec(from, { repo: repo ?? undefined, ref: flags.ref ?? ref ?? undefined, path: flags.path ?? path });
}

function isElsewhere({ repo, ref }: EnvironmentSettings): boolean {
  return repo !== null || ref !== null;
}
