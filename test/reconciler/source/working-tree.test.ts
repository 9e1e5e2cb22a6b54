import { once } from "node:events";
import { chmod, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadSource } from "../../../reconciler/source/load-source.ts";
import { readCommit } from "../../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../../reconciler/source/source.ts";
import { readWorkingTree } from "../../../reconciler/source/working-tree.ts";
import { runGit, TEST_GIT, type TestRepository, testRepository } from "../../git.ts";

const { signal } = new AbortController();
let folder: string;
let repo: TestRepository;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "countwheel-tree-")));
  repo = await testRepository({ "agents/a.yaml": "a", "agents/deep/b.yml": "b", "agents/c.txt": "no", "z.json": "{}" });
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await repo.remove();
});

function read(path: string, shownAs?: string): Promise<FilesAnswer> {
  return readWorkingTree({ git: TEST_GIT, folder: path, signal, ...(shownAs === undefined ? {} : { shownAs }) });
}

function files(answer: FilesAnswer): string[] {
  return answer.status === "ok"
    ? answer.files.map((file) => file.path)
    : [`${answer.reason.code}: ${answer.reason.message}`];
}

describe("a folder on disk", () => {
  it("names its files as the user would open them", async () => {
    expect(files(await read(join(repo.folder, "agents"), "agents"))).toEqual(["agents/a.yaml", "agents/deep/b.yml"]);
    expect(files(await read(join(repo.folder, "agents"), "./agents/"))).toEqual(["agents/a.yaml", "agents/deep/b.yml"]);
    expect(files(await read(repo.folder, "."))).toEqual(["agents/a.yaml", "agents/deep/b.yml", "z.json"]);
    expect(files(await read(join(repo.folder, "agents/a.yaml"), "agents/a.yaml"))).toEqual(["agents/a.yaml"]);
    expect(files(await read(join(repo.folder, "agents")))).toEqual([
      `${repo.folder}/agents/a.yaml`,
      `${repo.folder}/agents/deep/b.yml`,
    ]);
  });

  it("passes over hidden folders and node_modules, as a commit does", async () => {
    await repo.write({
      ".countwheel/x.yaml": "x",
      "node_modules/p/package.json": "{}",
      ".github/ci.yml": "x",
      ".h.yaml": "x",
    });
    expect(files(await read(repo.folder, "."))).toEqual(["agents/a.yaml", "agents/deep/b.yml", "z.json"]);
  });

  it("follows no link and opens no socket below it, and names them", async () => {
    await writeFile(join(folder, "outside.yaml"), "secret");
    await mkdir(join(folder, "set"));
    await symlink(join(folder, "outside.yaml"), join(folder, "set/link.yaml"));
    await symlink(folder, join(folder, "set/loop"));
    const socket = createServer().listen(join(folder, "set/socket.yaml"));
    await once(socket, "listening");
    const answer = await read(join(folder, "set"), "set");
    expect(answer).toMatchObject({
      files: [],
      problems: [
        { severity: "warning", summary: "`set/link.yaml` is a symbolic link, so it is ignored" },
        { severity: "warning", summary: "`set/loop` is a symbolic link, so it is ignored" },
        { severity: "warning", summary: "`set/socket.yaml` is no regular file, so it is ignored" },
      ],
    });
    socket.close();
    await symlink(join(folder, "set"), join(folder, "named"));
    expect(await read(join(folder, "named"))).toMatchObject({ status: "ok" });
  });

  it("that is missing, unreadable or no manifest is unavailable, never empty", async () => {
    expect(files(await read(join(folder, "gone"), "gone"))).toEqual(["PATH_NOT_FOUND: there is no `gone`"]);
    await writeFile(join(folder, "x.txt"), "x");
    expect(files(await read(join(folder, "x.txt"), "x.txt"))[0]).toContain("PATH_NOT_FOUND");
    await mkdir(join(folder, ...Array.from({ length: 70 }, () => "d")), { recursive: true });
    expect(files(await read(folder, "."))[0]).toContain("TOO_LARGE");
  });

  it.skipIf(process.getuid?.() === 0)("whose subfolder may not be read is unavailable", async () => {
    await mkdir(join(folder, "closed"));
    await chmod(join(folder, "closed"), 0);
    expect(files(await read(folder, "."))[0]).toContain("READ_FAILED");
    await chmod(join(folder, "closed"), 0o700);
  });

  it("with a file that is too large names it", async () => {
    await writeFile(join(folder, "big.yaml"), Buffer.alloc(1024 * 1024 + 1, "x"));
    expect(await read(folder, ".")).toMatchObject({
      files: [],
      problems: [{ code: "LIMIT", severity: "error", file: "big.yaml" }],
    });
  });
});

describe("the identity of a folder", () => {
  it("is HEAD's where every manifest has HEAD's bytes, whatever else changed", async () => {
    await repo.write({ "agents/c.txt": "changed", "notes.md": "new" });
    const headSha = await repo.git("rev-parse", "HEAD");
    const treeSha = await repo.git("rev-parse", "HEAD:agents");
    expect(await read(join(repo.folder, "agents"), "agents")).toMatchObject({
      identity: {
        repo: repo.folder,
        ref: null,
        headSha,
        treeSha,
        path: "agents",
        dirty: false,
        commit: { sha: headSha },
      },
    });
    expect(await read(repo.folder)).toMatchObject({ identity: { path: ".", dirty: false } });
    expect(await read(join(repo.folder, "z.json"))).toMatchObject({ identity: { path: "z.json", dirty: false } });
  });

  it.each([
    ["changed", { "agents/a.yaml": "b" }],
    ["added", { "agents/new.yaml": "n" }],
    ["removed", { "agents/a.yaml": null }],
  ])("is dirty, without a commit, where one is %s", async (_, change) => {
    await repo.write(change);
    expect(await read(join(repo.folder, "agents"))).toMatchObject({
      identity: { repo: repo.folder, headSha: null, treeSha: null, path: "agents", dirty: true, commit: null },
    });
  });

  it("is the folder itself outside of a repository, and without a commit or git", async () => {
    await writeFile(join(folder, "a.yaml"), "a");
    const none = { ref: null, headSha: null, treeSha: null, path: ".", dirty: true, commit: null };
    expect(await read(folder)).toMatchObject({ identity: { repo: folder, ...none } });
    const withoutGit = await readWorkingTree({ git: { path: "/nowhere" }, folder: repo.folder, signal });
    expect(withoutGit).toMatchObject({ status: "ok", identity: { dirty: true } });
  });

  it("runs nothing that the repository configures", async () => {
    const trap = join(folder, "trapped");
    await repo.commit({ ".gitattributes": "*.yaml filter=trap\n" });
    await repo.git("config", "filter.trap.clean", `touch ${trap}; cat`);
    await repo.git("config", "core.fsmonitor", `touch ${trap}`);
    expect(await read(repo.folder)).toMatchObject({ identity: { dirty: false } });
    await expect(rm(trap)).rejects.toThrow("ENOENT");
  });
});

/** Through fast-import and checkout: 10,000 files written one by one would take longer than the test. */
async function commitMany(count: number): Promise<void> {
  const entries = Array.from(
    { length: count },
    (_, i) => `M 100644 inline set/${i % 100}/${i}.yaml\ndata <<E\nn: ${i}\nE\n`,
  );
  const stream = `commit refs/heads/many\ncommitter C <c@example.test> 0 +0000\ndata 0\n${entries.join("")}\n`;
  await runGit(repo.folder, ["fast-import", "--quiet"], stream);
  await repo.git("checkout", "--quiet", "many");
}

/** Printed, not asserted: machines differ. */
async function timed(what: string, reading: () => Promise<FilesAnswer>): Promise<void> {
  const start = performance.now();
  expect(files(await reading())).toHaveLength(10_000);
  console.log(`10,000 files from ${what}: ${Math.round(performance.now() - start)} ms`);
}

describe("ten thousand files", () => {
  it("are read from disk and from the commit", async () => {
    await commitMany(10_000);
    const mirrorFolder = join(folder, "mirrors");
    await timed("disk", () => read(join(repo.folder, "set")));
    await timed("the commit", () =>
      readCommit({ git: TEST_GIT, repo: repo.folder, ref: "many", path: "set", mirrorFolder, signal }),
    );
  });
});

describe("a source", () => {
  const set = { manifests: [] };
  const loader = { load: async () => ({ set, problems: [], manifestCount: 0, fileCount: 0 }) };

  it("is ok, invalid or unavailable, and only ok carries a set", async () => {
    expect(await loadSource(await read(repo.folder), loader)).toMatchObject({ status: "ok", set });
    expect(await loadSource(await read(join(folder, "gone")), loader)).toMatchObject({ status: "unavailable" });
    await writeFile(join(folder, "big.yaml"), Buffer.alloc(1024 * 1024 + 1, "x"));
    const invalid = await loadSource(await read(folder), loader);
    expect(invalid).toMatchObject({
      status: "invalid",
      problems: [{ code: "LIMIT" }],
      load: { problems: [{ code: "LIMIT" }] },
    });
    expect(invalid).not.toHaveProperty("set");
  });
});
