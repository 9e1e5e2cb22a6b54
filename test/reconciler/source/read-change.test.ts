// Reading what differs from the commit that was read before comes to the same as reading the commit whole.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ReadMemory } from "../../../reconciler/source/git/read-memory.ts";
import { type ReadCommitOptions, readCommit } from "../../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../../reconciler/source/source.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";
import * as fc from "../../property.ts";

let repo: TestRepository;
beforeEach(async () => {
  repo = await testRepository({ "set/a.yaml": "a", "set/b.yaml": "b", "set/d/c.yaml": "c", "other.yaml": "o" });
});
afterEach(() => repo.remove());

function read(options: Partial<ReadCommitOptions> = {}): Promise<FilesAnswer> {
  const { signal } = new AbortController();
  const own = { git: TEST_GIT, repo: repo.folder, ref: "main", path: "set", mirrorFolder: "/nowhere", signal };
  return readCommit({ ...own, ...options });
}

/** The order of files decides nothing; all else is compared. */
function seen(answer: FilesAnswer): unknown {
  if (answer.status !== "ok") return answer;
  const files = answer.files.map(({ path, blob, bytes }) => [path, blob, Buffer.from(bytes).toString("latin1")]);
  return { ...answer, files: files.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)) };
}

const LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
const path = fc.constantFrom(
  "a.yaml",
  "A.yaml",
  "b.yaml",
  "d/c.yaml",
  "d/e.json",
  "d.yaml",
  "x.md",
  ".hidden/h.yaml",
  "é.yaml",
  "é.yaml",
);
const content = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("a", "b", "c", "new\n") },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(LFS, "x".repeat(1024 * 1024 + 1)) },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.array(fc.tuple(path, content), { minLength: 1, maxLength: 3 }) },
  { weight: 1, arbitrary: fc.constant("link" as const) },
  { weight: 1, arbitrary: fc.constant("elsewhere" as const) },
);

async function take(change: readonly (readonly [string, string | null])[] | "link" | "elsewhere"): Promise<void> {
  if (change === "elsewhere") await repo.commit({ "other.yaml": `${Math.random()}` });
  else if (change === "link") {
    const oid = await repo.git("hash-object", "-w", "set/b.yaml").catch(() => undefined);
    if (oid === undefined) return;
    await repo.git("update-index", "--add", "--cacheinfo", `120000,${oid},set/link.yaml`);
    await repo.git("commit", "--quiet", "--allow-empty", "--message", "link");
  } else await repo.commit(Object.fromEntries(change.map(([name, text]) => [`set/${name}`, text])));
}

describe("a source that was read before", () => {
  it("answers what a first read answers, whatever was written, moved, linked or deleted", {
    timeout: 60_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 6, maxLength: 6 }), async (changes) => {
        const memory = new ReadMemory();
        const kept = new Map<string, Uint8Array>();
        for (const change of changes) {
          await take(change);
          const answer = await read({ memory, contents: (blob) => kept.get(blob) });
          expect(seen(answer)).toEqual(seen(await read()));
          if (answer.status === "ok") for (const { blob, bytes } of answer.files.slice(0, 2)) kept.set(blob, bytes);
        }
      }),
      { numRuns: fc.cases(3) },
    );
  });

  it("hands out the same files for a commit that changed nothing below the path", async () => {
    const memory = new ReadMemory();
    const first = await read({ memory });
    await repo.commit({ "other.yaml": "changed" });
    const second = await read({ memory });
    expect(first.status === "ok" && second.status === "ok" && first.files === second.files).toBe(true);
  });

  it("keeps apart what is read below two paths, and forgets what it could not read", async () => {
    const memory = new ReadMemory();
    await read({ memory });
    expect(seen(await read({ memory, path: "set/d" }))).toEqual(seen(await read({ path: "set/d" })));
    expect(await read({ memory, path: "gone" })).toMatchObject({ status: "unavailable" });
    expect(seen(await read({ memory }))).toEqual(seen(await read()));
  });
});
