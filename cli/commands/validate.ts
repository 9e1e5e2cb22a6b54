// `validate [path…]`: checks manifests and the references between them. Offline: no Redis, no network, no model.

import { resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { compareProblems, hasErrors, type Problem } from "../../contracts/problem.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import type { LoadResult, SourceFile } from "../../reconciler/load/desired-set.ts";
import { createLoader, type Loader } from "../../reconciler/load/load-files.ts";
import { readWorkingTree } from "../../reconciler/source/working-tree.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";
import { shellWord } from "../plan-source.ts";
import { renderProblems } from "../view/problems.ts";

export interface ValidateOptions {
  readonly paths: readonly string[];
  /** Each path is a set of its own. */
  readonly each: boolean;
  readonly output: OutputFormat;
}

interface CheckedSet {
  readonly paths: readonly string[];
  readonly manifests: number;
  readonly files: number;
  readonly problems: readonly Problem[];
}

export async function runValidate(host: Host, options: ValidateOptions): Promise<ExitCode> {
  const startedMs = performance.now();
  const paths = options.paths.length === 0 ? ["."] : options.paths;
  const loader = createLoader();
  const checked: CheckedSet[] = [];
  for (const set of options.each ? paths.map((path) => [path]) : [paths]) checked.push(await check(host, set, loader));
  if (options.output === "json") printJson(host, asJson(checked, options.each));
  else printText(host, checked, paths, performance.now() - startedMs);
  return checked.every(isValid) ? EXIT.ok : EXIT.invalid;
}

function isValid({ problems }: CheckedSet): boolean {
  return !hasErrors(problems);
}

async function check(host: Host, paths: readonly string[], loader: Loader): Promise<CheckedSet> {
  const files = new Map<string, SourceFile>();
  const found: Problem[] = [];
  for (const path of paths) {
    const read = await readPath(host, path);
    for (const file of read.files) files.set(file.path, file);
    found.push(...read.problems);
  }
  const loaded: LoadResult = await loader.load([...files.values()], { signal: host.signal });
  const problems = [...found, ...loaded.problems].toSorted(compareProblems);
  return { paths, manifests: loaded.manifestCount, files: loaded.fileCount, problems };
}

async function readPath(
  host: Host,
  path: string,
): Promise<Extract<Awaited<ReturnType<typeof readWorkingTree>>, { status: "ok" }>> {
  const { path: searchPath, userHome } = host.config;
  const git = { path: searchPath, ...(userHome === undefined ? {} : { home: userHome }) };
  const answer = await readWorkingTree({ git, folder: resolve(host.cwd, path), shownAs: path, signal: host.signal });
  if (answer.status === "ok") return answer;
  throw new PermanentFailure(answer.reason.code, answer.reason.message);
}

/** CONTRACT: `{formatVersion, valid, manifests, problems[]}`; with `--each` also one entry for each set. */
function asJson(checked: readonly CheckedSet[], each: boolean): Record<string, unknown> {
  const sets = checked.map((set) => ({
    path: set.paths.join(" "),
    valid: isValid(set),
    manifests: set.manifests,
    problems: set.problems,
  }));
  return {
    formatVersion: "1",
    valid: checked.every(isValid),
    manifests: checked.reduce((sum, { manifests }) => sum + manifests, 0),
    problems: checked.flatMap(({ problems }) => problems),
    ...(each ? { sets } : {}),
  };
}

function printText(host: Host, checked: readonly CheckedSet[], paths: readonly string[], tookMs: number): void {
  const problems = checked.flatMap((set) => set.problems);
  const paint = paintFor(host.stdout, host.config.color);
  if (problems.length > 0) host.stdout.write(`${renderProblems(problems, paint)}\n`);
  const manifests = checked.reduce((sum, set) => sum + set.manifests, 0);
  const files = checked.reduce((sum, set) => sum + set.files, 0);
  const read = `${count(manifests, "manifest")} read in ${(tookMs / 1_000).toFixed(1)} s`;
  host.stdout.write(`${tally(problems, files)}, ${read}.\n`);
  say(host, `Next: ${nextCommand(checked, paths)}`);
}

function tally(problems: readonly Problem[], files: number): string {
  if (problems.length === 0) return `No problems in ${count(files, "file")}`;
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const counts = [errors > 0 ? count(errors, "problem") : "", warnings > 0 ? count(warnings, "warning") : ""];
  const affected = new Set(problems.map(({ file }) => file)).size;
  return `${counts.filter((text) => text !== "").join(" and ")} in ${affected} of ${count(files, "file")}`;
}

function count(number: number, noun: string): string {
  return `${wholeNumber(number)} ${noun}${number === 1 ? "" : "s"}`;
}

function nextCommand(checked: readonly CheckedSet[], paths: readonly string[]): string {
  const words = paths.map(shellWord).join(" ");
  if (!checked.every(isValid)) return `mend the problems above, then countwheel validate ${words}`;
  return paths.length === 1 ? `countwheel plan ${words}` : "countwheel plan <directory>";
}
