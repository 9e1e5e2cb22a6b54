// How git is called, seen from inside of every git child: which environment it gets, and where words from outside stand.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { historyBetween, repositoryFolder } from "../../reconciler/source/history.ts";
import { readCommit } from "../../reconciler/source/repository.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { type GitServer, gitServer } from "../reconciler/source/git-server.ts";

/** Words that a person configures; git would take the last part of each for an option. */
const REF = "x/--upload-pack";
const PATH = "--help";
/** Between what a child wrote of itself. */
const UNIT = "\u0001";

let repository: TestRepository;
let server: GitServer;
let first: string;
let told: Told;
beforeAll(async () => {
  repository = await testRepository({ [`${PATH}/a.yaml`]: "one" });
  first = await repository.git("rev-parse", "HEAD");
  await repository.commit({ [`${PATH}/a.yaml`]: "two" });
  await repository.git("update-ref", `refs/heads/${REF}`, "HEAD");
  await repository.git("push", "--quiet", "origin", `refs/heads/${REF}`);
  server = await gitServer(repository.bare);
  for (const name of ["GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_GLOBAL", "GIT_SSH_COMMAND", "GIT_PROXY_COMMAND"])
    vi.stubEnv(name, "/canary");
  vi.stubEnv("GIT_CONFIG_PARAMETERS", "'core.fsmonitor=/canary'");
  vi.stubEnv("ANTHROPIC_API_KEY", "canary");
  told = await readBothWays();
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await server.stop();
  await repository.remove();
});

it("gives a child nothing of its own environment, and nothing of what the machine configures", () => {
  const { environments } = told;
  expect(environments.length).toBeGreaterThan(5);
  for (const environment of environments) {
    expect(environment.filter((entry) => entry.includes("canary"))).toEqual([]);
    expect(environment.map((entry) => entry.replace(/=.*$/s, "")).filter((name) => !isOurs(name))).toEqual([]);
    expect(environment).toEqual(
      expect.arrayContaining([
        "HOME=/nonexistent",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_TERMINAL_PROMPT=0",
        expect.stringMatching(/^GIT_ALLOW_PROTOCOL=(none|http)$/),
      ]),
    );
    for (const off of ["core.hooksPath", "core.fsmonitor", "http.followRedirects", "credential.helper"])
      expect(environment).toContainEqual(expect.stringMatching(new RegExp(`^GIT_CONFIG_KEY_\\d+=${off}$`)));
  }
});

it("ends its options before every word from outside, and names refs in full", () => {
  const { calls } = told;
  const isFromOutside = (word: string): boolean => [REF, PATH, server.url].some((part) => word.includes(part));
  const outside = calls.filter((words) => words.some(isFromOutside));
  expect(new Set(outside.map(([command]) => command)).size).toBeGreaterThan(2);
  for (const words of outside) {
    const end = words.findIndex((word) => word === "--end-of-options" || word === "--");
    expect([words, end > 0 && end < words.findIndex(isFromOutside)]).toEqual([words, true]);
    expect(words.filter((word) => word.includes(REF) && !word.includes("refs/"))).toEqual([]);
  }
});

function isOurs(name: string): boolean {
  return /^(PATH|LC_ALL|HOME|PWD|OLDPWD|SHLVL|_|GIT_[A-Z_]+\d*)$/.test(name);
}

interface Told {
  readonly environments: readonly (readonly string[])[];
  readonly calls: readonly (readonly string[])[];
}

/** The repository on this machine, and behind its server. */
async function readBothWays(): Promise<Told> {
  const root = join(repository.folder, "..");
  const log = join(root, "calls.log");
  const git = { path: await recordingGit(join(root, "bin"), log) };
  const { signal } = new AbortController();
  for (const repo of [repository.folder, server.url]) {
    const source = { git, repo, ref: REF, path: PATH, mirrorFolder: join(root, "mirrors"), signal };
    const answer = await readCommit(source);
    if (answer.status !== "ok") throw new Error(answer.reason.message);
    expect(answer.files.map(({ path }) => path)).toEqual([`${PATH}/a.yaml`]);
    const mirror = await repositoryFolder(source);
    const to = answer.identity.headSha ?? "";
    expect(await historyBetween({ git, mirror, from: first, to, signal })).toBe("fast-forward");
  }
  const lines = (await readFile(log, "utf8")).trimEnd().split("\n");
  const of = (kind: string): string[][] =>
    lines.filter((line) => line.startsWith(kind)).map((line) => line.slice(kind.length).split(UNIT).slice(0, -1));
  return { environments: of("env "), calls: of("argv ") };
}

async function recordingGit(folder: string, log: string): Promise<string> {
  const script = `#!/bin/sh
{
  printf 'env '; tr '\\n\\0' ' \\001' < /proc/$$/environ; echo
  printf 'argv '; printf '%s\\001' "$@"; echo
} >> '${log}'
PATH='${TEST_GIT.path}' exec git "$@"
`;
  await mkdir(folder);
  await writeFile(join(folder, "git"), script);
  await chmod(join(folder, "git"), 0o755);
  return `${folder}:${TEST_GIT.path}`;
}
