// Faults of what the repository holds: objects and packs that are gone, cut, or others.
import { chmod, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { expect, it } from "vitest";
import { runGit } from "../../git.ts";
import { describeWithRedis } from "../../redis.ts";
import { type FaultWorld, withFaultWorlds } from "../world.ts";
import { type GitFault, objectFile, removeObject, tryGitFaults } from "./git-faults.ts";

const OBJECTS: GitFault[] = [
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

describeWithRedis("a fault of the repository's objects:", () => tryGitFaults(OBJECTS));

describeWithRedis("objects that this user may not read", () => {
  let world: FaultWorld;
  withFaultWorlds((opened) => {
    world = opened;
  });

  it.skipIf(process.getuid?.() === 0)("→ unavailable READ_FAILED", async () => {
    const before = await world.records();
    await chmod(join(world.bare, "objects"), 0o000);
    expect((await world.look()).word).toBe("unavailable READ_FAILED");
    await chmod(join(world.bare, "objects"), 0o755);
    expect(await world.records()).toEqual(before);
  });
});

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
