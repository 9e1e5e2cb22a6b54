// The two files in a repository's `hooks`: what stands in them, and how they get there without anything being lost.
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";

export const HOOK_NAMES = ["pre-receive", "post-receive"] as const;
type HookName = (typeof HOOK_NAMES)[number];

/** Hooks run in an environment of their own, so every path is a whole one. */
export interface HookProgram {
  readonly node: string;
  readonly main: string;
  readonly envFile: string | null;
}

const MARK = "# Written by `countwheel hook install`, which may replace it.";
const EARLIER = ".before-countwheel";

export type HookState = "none" | "ours" | "foreign";

export async function hookState(folder: string, name: HookName): Promise<HookState> {
  const text = await readIfThere(join(folder, name));
  if (text === undefined) return "none";
  return text.includes(MARK) ? "ours" : "foreign";
}

/** A hook that is there becomes the one that ours runs first: callers have asked. */
export async function writeHook(folder: string, name: HookName, program: HookProgram): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, name);
  if ((await hookState(folder, name)) === "foreign") await setAside(file);
  const draft = `${file}.countwheel-new`;
  await writeFile(draft, scriptOf(name, program));
  await chmod(draft, 0o755);
  await rename(draft, file);
}

async function setAside(file: string): Promise<void> {
  if ((await readIfThere(`${file}${EARLIER}`)) !== undefined)
    throw new PermanentFailure("HOOK_EXISTS", `${file}${EARLIER} is there already: put it where it belongs first`);
  await rename(file, `${file}${EARLIER}`);
}

/** Ours goes, and what was there before comes back. */
export async function removeHook(folder: string, name: HookName): Promise<HookState> {
  const file = join(folder, name);
  const state = await hookState(folder, name);
  if (state !== "ours") return state;
  await rm(file);
  if ((await readIfThere(`${file}${EARLIER}`)) !== undefined) await rename(`${file}${EARLIER}`, file);
  return state;
}

/** What a hook starts, as it is written in it; undefined: it is not ours. */
export async function programOf(folder: string, name: HookName): Promise<{ node: string; main: string } | undefined> {
  const text = (await readIfThere(join(folder, name))) ?? "";
  const [node, main] = [lineOf(text, "node"), lineOf(text, "main")];
  return text.includes(MARK) && node !== undefined && main !== undefined ? { node, main } : undefined;
}

function lineOf(text: string, name: string): string | undefined {
  return new RegExp(`^${name}='(.*)'$`, "m").exec(text)?.[1]?.replaceAll("'\\''", "'");
}

/**
 * A push that cannot be judged stays out; one that is in cannot be failed any more. Node is started only where it has
 * something to do, which takes longer than all the rest of most pushes: for a deploy branch, and behind it for a plan
 * that was shown. Where the configuration cannot be read, that is for the command to say.
 */
function scriptOf(name: HookName, program: HookProgram): string {
  return name === "pre-receive" ? preReceive(program) : postReceive(program);
}

function preReceive(program: HookProgram): string {
  return `${opening(program)}
pushed=$(cat)
if [ -x "$earlier" ]; then
  printf '%s\\n' "$pushed" | "$earlier" "$@" || exit $?
fi
refs=$(git config --file "$config" --get-regexp '^countwheel\\..*\\.ref$')
[ $? -le 1 ] && deploys= || deploys=yes
while read -r old new ref; do
  case "$refs
" in *" $ref
"*) deploys=yes ;; esac
done <<PUSHED
$pushed
PUSHED
[ -n "$deploys" ] || exit 0
${refuseMissing(1)}
printf '%s\\n' "$pushed" | ${commandLine(program, "pre-receive")}
`;
}

function postReceive(program: HookProgram): string {
  return `${opening(program)}
pushed=$(cat)
if [ -x "$earlier" ]; then
  printf '%s\\n' "$pushed" | "$earlier" "$@"
fi
home=$(git config --file "$config" --get countwheel.home)
shown=
for note in "$home"/pushes/*; do
  [ -f "$note" ] && shown=yes
done
[ -n "$shown" ] || exit 0
${refuseMissing(0)}
printf '%s\\n' "$pushed" | ${commandLine(program, "post-receive")}
`;
}

function opening({ node, main }: HookProgram): string {
  return `#!/bin/sh
${MARK}
# Its settings are in this repository's config, section \`countwheel\`. To take it out: countwheel hook uninstall
node=${quoted(node)}
main=${quoted(main)}
config="\${GIT_DIR:-.}/config"
earlier="$0${EARLIER}"`;
}

function refuseMissing(code: number): string {
  return `if [ ! -x "$node" ] || [ ! -f "$main" ]; then
  echo "HOOK_BROKEN: countwheel is no longer at $main, or node at $node: run countwheel hook install again" >&2
  exit ${code}
fi`;
}

function commandLine({ envFile }: HookProgram, name: HookName): string {
  return `"$node"${envFile === null ? "" : ` --env-file=${quoted(envFile)}`} "$main" hook run ${name}`;
}

/** For sh. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new PermanentFailure("HOOK_UNREADABLE", `${file} cannot be read`, { cause: error });
  }
}
