// Faults of where the repository is, of its refs, and of the environment's path in it.
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runGit } from "../../git.ts";
import { describeWithRedis } from "../../redis.ts";
import { type GitFault, tryGitFaults } from "./git-faults.ts";

const PLACES: GitFault[] = [
  ["the repository is gone", "unavailable REPOSITORY_UNREACHABLE", ({ bare }) => rename(bare, `${bare}.moved`)],
  [
    "an empty folder in its place",
    "unavailable REPOSITORY_UNREACHABLE",
    async ({ bare }) => {
      await rm(bare, { recursive: true });
      await mkdir(bare);
    },
  ],
  [
    "a file in its place",
    "unavailable REPOSITORY_UNREACHABLE",
    async ({ bare }) => {
      await rm(bare, { recursive: true });
      await writeFile(bare, "");
    },
  ],
  [
    "a new, empty repository in its place",
    "unavailable REF_NOT_FOUND",
    async ({ bare }) => {
      await rm(bare, { recursive: true });
      await runGit("/", ["init", "--quiet", "--bare", bare]);
    },
  ],
  [
    "another repository in its place",
    "held history",
    async ({ bare }) => {
      await rm(bare, { recursive: true });
      await runGit("/", ["init", "--quiet", "--bare", bare]);
      const blob = await runGit(bare, ["hash-object", "-w", "--stdin"], "kind: AgentRole\nmetadata: {name: r}\n");
      const inner = await runGit(bare, ["mktree"], `100644 blob ${blob}\tr.yaml\n`);
      const tree = await runGit(bare, ["mktree"], `040000 tree ${inner}\tagents\n`);
      await runGit(bare, ["update-ref", "refs/heads/main", await runGit(bare, ["commit-tree", tree, "-m", "other"])]);
    },
  ],
  [
    "a link to nowhere in its place",
    "unavailable REPOSITORY_UNREACHABLE",
    async ({ bare }) => {
      await rm(bare, { recursive: true });
      await symlink("/nonexistent/agents.git", bare);
    },
  ],
  ["HEAD is gone", "unavailable REPOSITORY_UNREACHABLE", ({ bare }) => rm(join(bare, "HEAD"))],
  [
    "the folder `refs` is gone",
    "unavailable REPOSITORY_UNREACHABLE",
    ({ bare }) => rm(join(bare, "refs"), { recursive: true }),
  ],
  [
    "the folder `objects` is gone",
    "unavailable REPOSITORY_UNREACHABLE",
    ({ bare }) => rm(join(bare, "objects"), { recursive: true }),
  ],
  [
    "the folder `objects` is empty",
    "unavailable READ_FAILED",
    async ({ bare }) => {
      await rm(join(bare, "objects"), { recursive: true });
      await mkdir(join(bare, "objects"));
    },
  ],
];

const REFS: GitFault[] = [
  [
    "the branch is deleted",
    "unavailable REF_NOT_FOUND",
    ({ bare }) => runGit(bare, ["update-ref", "-d", "refs/heads/main"]),
  ],
  [
    "the branch is renamed",
    "unavailable REF_NOT_FOUND",
    ({ bare }) => runGit(bare, ["branch", "--move", "main", "trunk"]),
  ],
  [
    "HEAD names a branch that is not there",
    "unavailable REF_NOT_FOUND",
    async (world) => {
      world.aim.ref = "HEAD";
      await writeFile(join(world.bare, "HEAD"), "ref: refs/heads/nowhere\n");
    },
  ],
  [
    "the branch is an empty file, as a power cut leaves it",
    "unavailable REF_NOT_FOUND",
    ({ bare }) => writeRef(bare, ""),
  ],
  ["the branch is no hash", "unavailable REF_NOT_FOUND", ({ bare }) => writeRef(bare, "garbage\n")],
  [
    "the branch is a hash that nothing has",
    "unavailable READ_FAILED",
    ({ bare }) => writeRef(bare, `${"1".repeat(40)}\n`),
  ],
  [
    "the branch points to a file's contents",
    "unavailable READ_FAILED",
    async ({ bare }) => writeRef(bare, `${await runGit(bare, ["rev-parse", "main:agents/m.yaml"])}\n`),
  ],
  [
    "the branch points to a folder",
    "unavailable READ_FAILED",
    async ({ bare }) => writeRef(bare, `${await runGit(bare, ["rev-parse", "main:agents"])}\n`),
  ],
  ["the branch points to itself", "unavailable REF_NOT_FOUND", ({ bare }) => writeRef(bare, "ref: refs/heads/main\n")],
  [
    "packed refs are cut in the middle",
    "unavailable READ_FAILED",
    async ({ bare }) => {
      await runGit(bare, ["pack-refs", "--all"]);
      await truncate(join(bare, "packed-refs"), 60);
    },
  ],
  [
    "the branch was rewritten",
    "held history",
    async (world) => {
      await world.git("reset", "--soft", "HEAD~1");
      await world.git("commit", "--quiet", "--amend", "--message", "rewritten");
      await world.git("push", "--quiet", "--force", world.bare, "HEAD:refs/heads/main");
    },
  ],
  [
    "the branch was replaced by another history",
    "held history",
    async ({ bare }) => {
      const tree = await runGit(bare, ["rev-parse", "main^{tree}"]);
      const parent = await runGit(bare, ["commit-tree", tree, "-m", "older"]);
      await runGit(bare, ["update-ref", "refs/heads/main", parent]);
    },
  ],
];

const PATHS: GitFault[] = [
  [
    "the path is missing",
    "unavailable PATH_NOT_FOUND",
    (world) => world.git("mv", "agents", "moved").then(() => world.push({})),
  ],
  [
    "the path is a file now",
    "unavailable PATH_NOT_FOUND",
    async (world) => {
      await world.git("rm", "-r", "--quiet", "agents");
      await world.push({ agents: "not a folder\n" });
    },
  ],
  [
    "the path is a link now",
    "unavailable PATH_NOT_FOUND",
    async (world) => {
      await world.git("mv", "agents", "moved");
      await symlink("moved", join(await world.git("rev-parse", "--show-toplevel"), "agents"));
      await world.push({});
    },
  ],
  [
    "the path is a submodule now",
    "unavailable PATH_NOT_FOUND",
    async (world) => {
      await world.git("rm", "-r", "--quiet", "agents");
      await world.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},agents`);
      await world.git("commit", "--quiet", "--message", "submodule");
      await world.git("push", "--quiet", world.bare, "HEAD:refs/heads/main");
    },
  ],
];

describeWithRedis("a fault of the repository:", () => tryGitFaults([...PLACES, ...REFS, ...PATHS]));

async function writeRef(bare: string, text: string): Promise<void> {
  await rm(join(bare, "refs/heads/main"), { force: true });
  await writeFile(join(bare, "refs/heads/main"), text);
}
