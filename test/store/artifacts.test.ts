// Results that are kept whole: in pieces, within a task's room, under an id that nobody else's text can take.
import { expect, test } from "vitest";
import { artifactTool } from "../../runner/artifacts/artifact-tool.ts";
import { putArtifact, readArtifact, readArtifactPart } from "../../store/artifacts.ts";
import type { Redis } from "../../store/connect.ts";
import { taskKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import * as fc from "../property.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claimedTask } from "./world.ts";

const ROOM = 1_000_000;
const FROM = { tool: "search", from: "a#1 m1.c1", labels: [] };

describeWithRedis("an artifact", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  useQueue((...given) => {
    [redis, queue] = given;
  });

  const read = (task: Parameters<typeof artifactTool>[1], args: Readonly<Record<string, unknown>>) =>
    artifactTool(redis, task).call(args, {
      idempotencyKey: "k",
      signal: new AbortController().signal,
      checkLease: () => undefined,
    });

  test("is read back in any pages, each of whole characters, to the last byte", async () => {
    const { grant } = await claimedTask(redis, queue);
    const text = "zwölf Boxkämpfer jagen 🐅 über den Deich\n".repeat(4_000);
    const { facts } = await putArtifact(redis, grant.task, text, FROM, ROOM);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 100, max: 131_072 }), async (limit) => {
        let [whole, offset] = ["", 0];
        for (let pages = 0; offset < facts.bytes && pages < 5; pages += 1) {
          const { text: page } = await read(grant.task, { id: facts.id, offset, limit });
          const [, first, last] = /bytes (\d+) to (\d+) of/.exec(page) ?? [];
          expect(Number(first)).toBe(offset);
          whole += page.slice(page.indexOf("\n") + 1).replace(/^…|…$/g, "");
          offset = Number(last);
        }
        expect(whole !== "" && text.startsWith(whole)).toBe(true);
        expect(Buffer.byteLength(whole)).toBe(offset);
      }),
      { numRuns: 40 },
    );
    const end = await readArtifactPart(redis, grant.task, facts, facts.bytes - 5, 100);
    expect(end.toString()).toBe("eich\n");
  });

  test("is never cut within a character, and says where to go on, or that there is no more", async () => {
    const { grant } = await claimedTask(redis, queue);
    const { facts } = await putArtifact(redis, grant.task, `${"a".repeat(99)}üb`, FROM, ROOM);
    const pages = await Promise.all(
      [0, 99, 100, 102].map((offset) => read(grant.task, { id: facts.id, offset, limit: 100 })),
    );
    expect(pages.map(({ text }) => text.split("\n"))).toEqual([
      [`[artifact ${facts.id}: bytes 0 to 99 of 102; go on at offset 99]`, `${"a".repeat(99)}…`],
      [`[artifact ${facts.id}: bytes 99 to 102 of 102; that is the end]`, "…üb"],
      [`[artifact ${facts.id}: bytes 101 to 102 of 102; that is the end]`, "…b"],
      [`[artifact ${facts.id}: it ends at 102]`],
    ]);
  });

  test("has the labels of its result, and an id that no result with others can have", async () => {
    const { grant } = await claimedTask(redis, queue);
    const labels = [{ label: "private", from: "search (a#1 m1.c1)" }];
    const open = await putArtifact(redis, grant.task, "same", FROM, ROOM);
    const labelled = await putArtifact(redis, grant.task, "same", { ...FROM, labels }, ROOM);
    expect(open.facts.id).not.toBe(labelled.facts.id);
    expect(await read(grant.task, { id: open.facts.id })).not.toHaveProperty("labels");
    expect(await read(grant.task, { id: labelled.facts.id })).toMatchObject({ labels });
    expect(await read(grant.task, { id: "0".repeat(16) })).toMatchObject({ isError: true });
    expect(await read(grant.task, { id: "bytes" })).toMatchObject({ isError: true });
  });

  test("is kept once, and only while its task has room for it", async () => {
    const { grant } = await claimedTask(redis, queue);
    const put = async (text: string) => (await putArtifact(redis, grant.task, text, FROM, 10)).outcome;
    expect([await put("12345678"), await put("12345678"), await put("123"), await put("12")]).toEqual([
      "kept",
      "kept",
      "full",
      "kept",
    ]);
    expect(await redis.hget(taskKeys(grant.task).artifacts, "bytes")).toBe("10");
  });

  test("is kept for no task that has ended", async () => {
    const { grant } = await claimedTask(redis, queue);
    await redis.hset(taskKeys(grant.task).task, "phase", "Failed");
    expect((await putArtifact(redis, grant.task, "late", FROM, ROOM)).outcome).toBe("over");
    expect(await redis.exists(taskKeys(grant.task).artifacts)).toBe(0);
  });

  test("a piece of which is gone is not read as if it were shorter", async () => {
    const { grant } = await claimedTask(redis, queue);
    const { facts } = await putArtifact(redis, grant.task, "text", FROM, ROOM);
    await redis.hdel(taskKeys(grant.task).artifacts, `${facts.id}/0`);
    await expect(readArtifactPart(redis, grant.task, facts, 0, 10)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    expect(await readArtifact(redis, grant.task, facts.id)).toEqual(facts);
  });
});
