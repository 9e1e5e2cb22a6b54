// Faults of the repository: whatever breaks in Git while a commit waits that deletes a manifest, nothing is pruned, no
// record changes, the answer has a name, and the first look after the repair applies what had waited.
import { chmod, cp, mkdir, readdir, rename, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runGit, TEST_GIT } from "../git.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { type FaultWorld, GONE, makeTemplate, prunes, type Template } from "./world.ts";

type Inject = (world: FaultWorld) => Promise<unknown>;

/** Name, what the look answers, and the fault. The bare repository is put back as it was afterwards. */
type Row = readonly [name: string, word: string, inject: Inject];

const PLACES: Row[] = [
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

const REFS: Row[] = [
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

const OBJECTS: Row[] = [
  ["the commit is gone", "unavailable READ_FAILED", (world) => removeObject(world, "main")],
  ["the root folder is gone", "unavailable READ_FAILED", (world) => removeObject(world, "main^{tree}")],
  ["the environment's folder is gone", "unavailable READ_FAILED", (world) => removeObject(world, "main:agents")],
  ["a folder below it is gone", "unavailable READ_FAILED", (world) => removeObject(world, "main:agents/team")],
  ["a file's contents are gone", "unavailable READ_FAILED", (world) => removeObject(world, "main:agents/a.yaml")],
  [
    "a file's contents are cut to nothing",
    "unavailable READ_FAILED",
    (world) => spoilObject(world, "main:agents/a.yaml", ""),
  ],
  [
    "a file's contents are no object",
    "unavailable READ_FAILED",
    (world) => spoilObject(world, "main:agents/a.yaml", "garbage"),
  ],
  [
    "a file's contents are another, empty file's",
    "unavailable READ_FAILED",
    (world) => spoilObject(world, "main:agents/a.yaml", deflateSync("blob 0\0")),
  ],
  [
    "a folder's contents are those of an empty one",
    "unavailable READ_FAILED",
    (world) => spoilObject(world, "main:agents/team", deflateSync("tree 0\0")),
  ],
  [
    "the environment's folder is an empty one's contents",
    "unavailable READ_FAILED",
    (world) => spoilObject(world, "main:agents", deflateSync("tree 0\0")),
  ],
  ["the pack is gone", "unavailable READ_FAILED", (world) => inPack(world, ".pack", (file) => rm(file))],
  [
    "the pack is cut in the middle",
    "unavailable READ_FAILED",
    (world) => inPack(world, ".pack", async (file) => truncate(file, Math.floor((await stat(file)).size / 2))),
  ],
  ["the pack is empty", "unavailable READ_FAILED", (world) => inPack(world, ".pack", (file) => truncate(file, 0))],
  ["the pack's index is gone", "unavailable READ_FAILED", (world) => inPack(world, ".idx", (file) => rm(file))],
  [
    "the pack's index is garbage",
    "unavailable READ_FAILED",
    (world) => inPack(world, ".idx", (file) => writeFile(file, "garbage")),
  ],
];

const SETUP: Row[] = [
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

const PATHS: Row[] = [
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

/** What looks broken and is not: the waiting commit is applied, as it should be. */
const HARMLESS: Row[] = [
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

describeWithRedis("a fault of the repository:", () => {
  let server: TestRedis;
  let template: Template;
  let world: FaultWorld;
  beforeAll(async () => {
    [server, template] = await Promise.all([testRedis(), makeTemplate()]);
  });
  afterAll(() => Promise.all([server.stop(), template.remove()]));
  beforeEach(async () => {
    world = await template.open(server.url);
  });
  afterEach(() => world.close());

  it.each([...PLACES, ...REFS, ...OBJECTS, ...SETUP, ...PATHS])("%s → %s", async (_name, word, inject) => {
    const before = await world.records();
    await cp(world.bare, `${world.bare}.good`, { recursive: true });
    const aim = { ...world.aim };
    await inject(world);

    const hurt = await world.look();
    expect([hurt.word, prunes(hurt)]).toEqual([word, word.startsWith("held") ? prunes(hurt) : []]);
    expect(await world.records()).toEqual(before);

    Object.assign(world.aim, aim);
    await rm(world.bare, { recursive: true, force: true });
    await rename(`${world.bare}.good`, world.bare);
    const mended = await world.look();
    expect([mended.word, prunes(mended)]).toEqual(["applied", [GONE]]);
  });

  it.each(HARMLESS)("%s → %s", async (_name, word, inject) => {
    await inject(world);
    const look = await world.look();
    expect([look.word, prunes(look)]).toEqual([word, [GONE]]);
  });

  it.skipIf(process.getuid?.() === 0)("objects that this user may not read → unavailable READ_FAILED", async () => {
    const before = await world.records();
    await chmod(join(world.bare, "objects"), 0o000);
    expect((await world.look()).word).toBe("unavailable READ_FAILED");
    await chmod(join(world.bare, "objects"), 0o755);
    expect(await world.records()).toEqual(before);
  });
});

async function writeRef(bare: string, text: string): Promise<void> {
  await rm(join(bare, "refs/heads/main"), { force: true });
  await writeFile(join(bare, "refs/heads/main"), text);
}

async function objectFile({ bare }: FaultWorld, name: string): Promise<string> {
  const id = await runGit(bare, ["rev-parse", name]);
  return join(bare, "objects", id.slice(0, 2), id.slice(2));
}

async function removeObject(world: FaultWorld, name: string): Promise<void> {
  await rm(await objectFile(world, name));
}

async function spoilObject(world: FaultWorld, name: string, bytes: string | Uint8Array): Promise<void> {
  const file = await objectFile(world, name);
  await chmod(file, 0o644);
  await writeFile(file, bytes);
}

async function inPack(
  { bare }: FaultWorld,
  extension: string,
  spoil: (file: string) => Promise<unknown>,
): Promise<void> {
  await runGit(bare, ["repack", "-a", "-d", "--quiet"]);
  const folder = join(bare, "objects/pack");
  for (const name of await readdir(folder)) {
    if (!name.endsWith(extension)) continue;
    await chmod(join(folder, name), 0o644);
    await spoil(join(folder, name));
  }
}

const REAL = `PATH="$REAL_PATH" git`;

/** A `git` that does this first, and then what git does. */
async function fakeGit(world: FaultWorld, script: string): Promise<void> {
  const folder = join(world.mirrorFolder, "bin");
  await mkdir(folder, { recursive: true });
  const text = `#!/bin/sh\nREAL_PATH='${TEST_GIT.path}'\n${script}\nPATH="$REAL_PATH" exec git "$@"\n`;
  await writeFile(join(folder, "git"), text, { mode: 0o755 });
  world.aim.gitPath = `${folder}:${TEST_GIT.path}`;
}
