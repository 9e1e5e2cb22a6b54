// What every memory is held to, whatever keeps it: one suite for its entries, one for its vectors.
import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import type { Memory, MemoryEntry, VectorEntry, VectorMemory } from "../../../runner/memory/memory.ts";
import { packVector, type Vector } from "../../../runner/memory/vector.ts";
import { openMockEmbedder } from "../../../runner/models/mock-embedder.ts";
import { never } from "../mcp/servers.ts";

export const WRITTEN = { task: "default/t", agent: "a", activation: "a#1", at: "2026-01-01T00:00:00.000Z" };

export function entry(key: string, value: string): MemoryEntry {
  return { key, value, written: WRITTEN };
}

export interface Place {
  readonly env: string;
  readonly task: string;
  readonly name: string;
}

export function somewhere(): Place {
  return { env: `m${randomUUID().slice(0, 8)}`, task: "t1", name: "notes" };
}

const SPACE = { model: "m", dimensions: 256 };

/** As a mock endpoint makes it. */
async function vectorOf(text: string): Promise<Vector> {
  const { vectors } = await openMockEmbedder().embed({ model: "m", texts: [text] }, never());
  return packVector(vectors[0] ?? []);
}

async function embedded(key: string, value: string): Promise<VectorEntry> {
  return { ...entry(key, value), vector: await vectorOf(value) };
}

/** `make`: an empty one. */
export function keepsEntries(make: () => Promise<Memory>): void {
  it("gives back what was written, with who wrote it, and the newest of it", async () => {
    const memory = await make();
    expect(await memory.read("plan", never())).toBeUndefined();
    await memory.write([entry("plan", "old")], never());
    await memory.write([entry("plan", "new"), entry("other", "x")], never());
    expect(await memory.read("plan", never())).toEqual(entry("plan", "new"));
  });

  it("finds entries by their words and lists keys by their beginning", async () => {
    const memory = await make();
    await memory.write(
      [entry("a/1", "brass clock"), entry("a/2", "wooden bell"), entry("b/1", "clock tower")],
      never(),
    );
    const hits = await memory.search("clock", 5, never());
    expect(hits.map(({ key }) => key).toSorted()).toEqual(["a/1", "b/1"]);
    expect(hits[0]).toMatchObject({ written: WRITTEN, score: 1 });
    expect(await memory.list("a/", 5, never())).toEqual([{ key: "a/1" }, { key: "a/2" }]);
    expect(await memory.list("", 2, never())).toHaveLength(2);
  });
}

/** `make`: the one at that place. */
export function keepsVectors(make: (place: Place) => VectorMemory): void {
  const keysNear = async (memory: VectorMemory, query: string, limit = 5): Promise<readonly string[]> =>
    (await memory.nearest(await vectorOf(query), SPACE, limit, never())).map(({ key }) => key);

  it("finds what is near, the nearest first, with who wrote it", async () => {
    const memory = make(somewhere());
    const texts = ["brass clock and bell", "clock of brass", "wooden door"];
    await memory.writeVectors(await Promise.all(texts.map((text, n) => embedded(`k${n}`, text))), SPACE, never());
    expect(await keysNear(memory, "brass clock")).toEqual(["k1", "k0"]);
    expect(await keysNear(memory, "brass clock", 1)).toEqual(["k1"]);
    const [hit] = await memory.nearest(await vectorOf("wooden door"), SPACE, 5, never());
    expect(hit).toMatchObject({ ...entry("k2", "wooden door"), score: expect.closeTo(1, 5) as number });
    expect(await memory.read("k0", never())).toEqual(entry("k0", "brass clock and bell"));
    expect((await memory.list("", 5, never())).map(({ key }) => key)).toEqual(["k0", "k1", "k2"]);
  });

  it("forgets the vector with the text that it was made of", async () => {
    const memory = make(somewhere());
    await memory.writeVectors([await embedded("k", "brass clock")], SPACE, never());
    await memory.writeVectors([await embedded("k", "wooden door")], SPACE, never());
    expect(await keysNear(memory, "clock")).toEqual([]);
    await memory.write([entry("k", "iron bell")], never());
    expect(await keysNear(memory, "wooden")).toEqual([]);
    expect(await memory.bare(5, never())).toEqual([entry("k", "iron bell")]);
  });

  it("gives vectors to entries that have none, but not to those that are others by then", async () => {
    const memory = make(somewhere());
    await memory.write([entry("a", "brass clock"), entry("b", "brass bell")], never());
    const late = await Promise.all([embedded("a", "brass clock"), embedded("b", "what stood there before")]);
    await memory.addVectors(late, SPACE, never());
    expect(await keysNear(memory, "brass")).toEqual(["a"]);
    expect((await memory.bare(5, never())).map(({ key }) => key)).toEqual(["b"]);
  });

  it("refuses vectors of another model or length, and says what it holds", async () => {
    const memory = make(somewhere());
    await memory.writeVectors([await embedded("k", "brass clock")], SPACE, never());
    const other = { model: "n", dimensions: 256 };
    const refused = { code: "MEMORY_VECTORS_DIFFER", message: expect.stringContaining("made by m (256)") as string };
    await expect(memory.writeVectors([await embedded("l", "bell")], other, never())).rejects.toMatchObject(refused);
    await expect(memory.nearest(await vectorOf("x"), other, 5, never())).rejects.toMatchObject(refused);
    const shorter = { model: "m", dimensions: 3 };
    await expect(memory.nearest(packVector([1, 2, 3]), shorter, 5, never())).rejects.toMatchObject(refused);
    expect((await memory.list("", 5, never())).map(({ key }) => key)).toEqual(["k"]);
  });

  it("keeps memories apart", async () => {
    const place = somewhere();
    await make(place).writeVectors([await embedded("k", "brass clock")], SPACE, never());
    expect(await keysNear(make({ ...place, name: "other" }), "clock")).toEqual([]);
  });
}
