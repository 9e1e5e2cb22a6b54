// How a fault of the repository is tried: whatever breaks in Git while a commit waits that deletes a manifest, nothing is
// pruned, no record changes, the answer has a name, and the first look after the repair applies what had waited.
import { cpSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runGit } from "../../git.ts";
import { type FaultWorld, GONE, prunes, withFaultWorlds } from "../world.ts";

/** Name, what the look answers, and the fault. The bare repository is put back as it was afterwards. */
export type GitFault = readonly [name: string, word: string, inject: (world: FaultWorld) => Promise<unknown>];

/** Tests of a `describe`. `harmless`: what looks broken and is not; the waiting commit is applied, as it should be. */
export function tryGitFaults(faults: readonly GitFault[], harmless: readonly GitFault[] = []): void {
  let world: FaultWorld;
  withFaultWorlds((opened) => {
    world = opened;
  });

  it.each(faults)("%s → %s", async (_name, word, inject) => {
    const before = await world.records();
    cpSync(world.bare, `${world.bare}.good`, { recursive: true });
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

  it.each(harmless)("%s → %s", async (_name, word, inject) => {
    await inject(world);
    const look = await world.look();
    expect([look.word, prunes(look)]).toEqual([word, [GONE]]);
  });
}

/** The file of a loose object: `main:agents/a.yaml`. */
export async function objectFile({ bare }: FaultWorld, name: string): Promise<string> {
  const id = await runGit(bare, ["rev-parse", name]);
  return join(bare, "objects", id.slice(0, 2), id.slice(2));
}

export async function removeObject(world: FaultWorld, name: string): Promise<void> {
  await rm(await objectFile(world, name));
}
