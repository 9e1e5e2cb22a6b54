// Repositories that somebody made to hurt by their size: named and bounded, without the memory that they ask for.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCommit } from "../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../reconciler/source/source.ts";
import { runGit, TEST_GIT, type TestRepository, testRepository } from "../git.ts";

describe("a tree that is too much", () => {
  let repository: TestRepository;
  beforeEach(async () => {
    repository = await testRepository();
  });
  afterEach(() => repository.remove());

  it("10,000 folders below one another are named as too deep", async () => {
    await imported([`M 100644 inline ${"d/".repeat(10_000)}a.yaml\ndata 2\n{}\n`]);
    const answer = await read();
    const said = answer.status === "ok" ? answer.problems.map(({ code }) => code) : [answer.reason.code];
    expect(said).toEqual(["LIMIT"]);
  });

  it("more files than a set may have are refused before one of them is read", async () => {
    const files = Array.from(
      { length: 100_001 },
      (_, index) => `M 100644 inline d${index % 300}/f${index}.yaml\ndata 0\n\n`,
    );
    await imported(files);
    const before = process.memoryUsage().rss;
    expect(await read()).toMatchObject({ status: "unavailable", reason: { code: "TOO_LARGE" } });
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
  });

  it("files that are more together than memory should hold are refused by their sizes alone", async () => {
    const blob = await runGit(repository.folder, ["hash-object", "-w", "--stdin"], Buffer.alloc(1024 * 1024, "# x\n"));
    await imported(Array.from({ length: 300 }, (_, index) => `M 100644 ${blob} f${index}.yaml\n`));
    const before = process.memoryUsage().rss;
    expect(await read()).toMatchObject({ status: "unavailable", reason: { code: "TOO_LARGE" } });
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it.each([
    ["among many, by its size alone", 20],
    ["among few, by as much as many could be", 0],
  ])("a file of 4 GiB is named %s", async (_how, others) => {
    const large = others === 0 ? await zeros(17) : await promised(4 * 1024 ** 3);
    const files = Array.from(
      { length: others },
      (_, index) => `M 100644 inline f${index}.yaml\ndata <<E\n# ${index}\nE\n`,
    );
    await imported(files);
    await repository.git("read-tree", "main");
    await repository.git("update-index", "--add", "--info-only", "--cacheinfo", `100644,${large},a.yaml`);
    const tree = await repository.git("write-tree", "--missing-ok");
    await repository.git("update-ref", "refs/heads/main", await repository.git("commit-tree", "-m", "large", tree));
    const before = process.memoryUsage().rss;
    const answer = await read();
    expect(answer).toMatchObject({ status: "ok", problems: [{ code: "LIMIT", severity: "error", file: "a.yaml" }] });
    expect(answer.status === "ok" && answer.files.length).toBe(others);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  function zeros(mebibytes: number): Promise<string> {
    return runGit(repository.folder, ["hash-object", "-w", "--stdin"], Buffer.alloc(mebibytes * 1024 * 1024));
  }

  /** As git stores an object: whoever looks for more than its head promises finds it damaged. */
  async function promised(bytes: number): Promise<string> {
    const sha = "4".repeat(40);
    const folder = join(repository.folder, ".git", "objects", sha.slice(0, 2));
    await mkdir(folder);
    await writeFile(join(folder, sha.slice(2)), deflateSync(`blob ${bytes}\0# x`));
    return sha;
  }

  function imported(changes: readonly string[]): Promise<string> {
    const head = "commit refs/heads/main\ncommitter C <c@example.test> 0 +0000\ndata 0\n";
    return runGit(repository.folder, ["fast-import", "--quiet", "--force"], `${head}${changes.join("")}\n`);
  }

  function read(): Promise<FilesAnswer> {
    const { signal } = new AbortController();
    return readCommit({
      git: TEST_GIT,
      repo: repository.folder,
      ref: "main",
      path: ".",
      mirrorFolder: "/nowhere",
      signal,
    });
  }
});
