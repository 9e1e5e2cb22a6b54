// What `git cat-file --batch` answers, however its pieces fall: every object once it is whole, and nothing that is not.
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { BlobStream } from "../../../reconciler/source/git/blob-stream.ts";
import * as fc from "../../property.ts";

const oidOf = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const answerOf = (bytes: Uint8Array, oid = oidOf(bytes)): Buffer =>
  Buffer.concat([Buffer.from(`${oid} blob ${bytes.length}\n`), bytes, Buffer.from("\n")]);

function read(answer: Buffer, cuts: readonly number[]): string[] {
  const found: string[] = [];
  const stream = new BlobStream("/repo", (oid, bytes) => found.push(`${oid} ${Buffer.from(bytes).toString("hex")}`));
  const places = [0, ...cuts.map((cut) => cut % (answer.length + 1)).toSorted((a, b) => a - b), answer.length];
  for (const [index, from] of places.slice(0, -1).entries()) stream.push(answer.subarray(from, places[index + 1]));
  stream.end();
  return found;
}

it("gives on every object, wherever the answer is cut", () => {
  const blobs = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(blobs, fc.array(fc.nat(), { maxLength: 30 }), (all, cuts) => {
      const answer = Buffer.concat(all.map((bytes) => answerOf(bytes)));
      expect(read(answer, cuts)).toEqual(all.map((bytes) => `${oidOf(bytes)} ${Buffer.from(bytes).toString("hex")}`));
    }),
    { numRuns: fc.cases(50) },
  );
});

it("gives on a large object that comes in many pieces without copying it each time", () => {
  const bytes = Buffer.alloc(8 * 1024 * 1024, "a");
  const answer = answerOf(bytes);
  expect(
    read(
      answer,
      Array.from({ length: 2_000 }, (_, index) => index * 4_000),
    ),
  ).toHaveLength(1);
});

const GOOD = Buffer.from("kind: Agent\n");

it.each([
  ["is missing", Buffer.from(`${"0".repeat(40)} missing\n`), "lacks an object"],
  ["is no blob", Buffer.from(`${"0".repeat(40)} tree 0\n\n`), "lacks an object"],
  ["is another one than its id says", answerOf(GOOD, "1".repeat(40)), "other contents than its commit names"],
  ["is cut in its content", answerOf(GOOD).subarray(0, -4), "in the middle"],
  ["is cut in its header", answerOf(GOOD).subarray(0, 20), "in the middle"],
])("refuses an object that %s", (_what, answer, said) => {
  expect(() => read(Buffer.concat([answerOf(GOOD), answer]), [])).toThrow(said);
});
