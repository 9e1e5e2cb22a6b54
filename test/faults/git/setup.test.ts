// Faults of how the repository is set up, and of git itself.
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runGit, TEST_GIT } from "../../git.ts";
import { describeWithRedis } from "../../redis.ts";
import type { FaultWorld } from "../world.ts";
import { type GitFault, removeObject, tryGitFaults } from "./git-faults.ts";

const REAL = `PATH="$REAL_PATH" git`;

const SETUP: GitFault[] = [
  [
    "the configuration cannot be parsed",
    "unavailable READ_FAILED",
    ({ bare }) => writeFile(join(bare, "config"), "[core\n"),
  ],
  [
    "the format is one of the future",
    "unavailable READ_FAILED",
    ({ bare }) => runGit(bare, ["config", "core.repositoryformatversion", "99"]),
  ],
  [
    "objects lie in another repository that is gone",
    "unavailable READ_FAILED",
    async ({ bare }) => {
      await rename(join(bare, "objects"), join(bare, "elsewhere"));
      await mkdir(join(bare, "objects/info"), { recursive: true });
      await writeFile(join(bare, "objects/info/alternates"), "/nonexistent/objects\n");
    },
  ],
  [
    "a partial clone whose server is gone",
    "unavailable READ_FAILED",
    async (world) => {
      await runGit(world.bare, ["config", "core.repositoryformatversion", "1"]);
      await runGit(world.bare, ["config", "extensions.partialClone", "origin"]);
      await runGit(world.bare, ["config", "remote.origin.promisor", "true"]);
      await runGit(world.bare, ["config", "remote.origin.url", "http://127.0.0.1:9/gone.git"]);
      await removeObject(world, "main:agents/a.yaml");
    },
  ],
  [
    "a shallow clone",
    "failed READ_FAILED",
    async ({ bare }) => {
      await runGit("/", ["clone", "--quiet", "--bare", "--depth=1", `file://${bare}`, `${bare}.shallow`]);
      await rm(bare, { recursive: true });
      await rename(`${bare}.shallow`, bare);
    },
  ],
  [
    "the list of shallow commits is garbage",
    "unavailable READ_FAILED",
    ({ bare }) => writeFile(join(bare, "shallow"), "garbage\n"),
  ],
  ["git is not installed", "unavailable READ_FAILED", async (world) => void (world.aim.gitPath = "/nonexistent")],
  ["git is killed at its start", "unavailable READ_FAILED", (world) => fakeGit(world, "kill -9 $$")],
  [
    "git is killed while it lists",
    "unavailable READ_FAILED",
    (world) => fakeGit(world, `[ "$1" = ls-tree ] && [ "$2" = -r ] && { ${REAL} "$@" | head -c 60; kill -9 $$; }`),
  ],
  [
    "git is killed while it answers contents",
    "unavailable READ_FAILED",
    (world) =>
      fakeGit(world, `[ "$1" = cat-file ] && [ "$2" = --batch ] && { ${REAL} "$@" | head -c 100; kill -9 $$; }`),
  ],
  [
    "git cuts its answer short, and says that all is well",
    "unavailable READ_FAILED",
    (world) => fakeGit(world, `[ "$1" = cat-file ] && [ "$2" = --batch ] && { ${REAL} "$@" | head -c 100; exit 0; }`),
  ],
  [
    "git lists nothing, and says that all is well",
    "unavailable READ_FAILED",
    (world) => fakeGit(world, `[ "$1" = ls-tree ] && [ "$2" = -r ] && exit 0`),
  ],
  [
    "git answers everything with an error",
    "unavailable READ_FAILED",
    (world) => fakeGit(world, "echo fatal: no >&2; exit 128"),
  ],
  [
    "git is a program that cannot be run",
    "unavailable READ_FAILED",
    async (world) => {
      await fakeGit(world, "");
      await chmod(join(world.aim.gitPath.split(":")[0] ?? "", "git"), 0o600);
      world.aim.gitPath = world.aim.gitPath.split(":")[0] ?? "";
    },
  ],
];

/** What looks broken and is not: the waiting commit is applied, as it should be. */
const HARMLESS: GitFault[] = [
  [
    "locks that a killed git left",
    "applied",
    async ({ bare }) => {
      for (const name of ["index", "packed-refs", "HEAD", "config"]) await writeFile(join(bare, `${name}.lock`), "");
      await writeFile(join(bare, "refs/heads/main.lock"), "");
    },
  ],
  [
    "a commit graph that is garbage",
    "applied",
    async ({ bare }) => {
      await mkdir(join(bare, "objects/info"), { recursive: true });
      await writeFile(join(bare, "objects/info/commit-graph"), "garbage");
    },
  ],
  [
    "an alternate that is missing and not needed",
    "applied",
    async ({ bare }) => {
      await mkdir(join(bare, "objects/info"), { recursive: true });
      await writeFile(join(bare, "objects/info/alternates"), "/nonexistent/objects\n");
    },
  ],
  ["git speaks on stderr and is right all the same", "applied", (world) => fakeGit(world, "echo warning: odd >&2")],
];

describeWithRedis("a fault of the repository's setup:", () => tryGitFaults(SETUP, HARMLESS));

/** A `git` that does this first, and then what git does. */
async function fakeGit(world: FaultWorld, script: string): Promise<void> {
  const folder = join(world.mirrorFolder, "bin");
  await mkdir(folder, { recursive: true });
  const text = `#!/bin/sh\nREAL_PATH='${TEST_GIT.path}'\n${script}\nPATH="$REAL_PATH" exec git "$@"\n`;
  await writeFile(join(folder, "git"), text, { mode: 0o755 });
  world.aim.gitPath = `${folder}:${TEST_GIT.path}`;
}
