import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ReadCommitOptions, readCommit } from "../../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../../reconciler/source/source.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";

let repo: TestRepository;
beforeEach(async () => {
  repo = await testRepository();
});
afterEach(() => repo.remove());

function read(options: Partial<ReadCommitOptions> = {}): Promise<FilesAnswer> {
  const { signal } = new AbortController();
  const defaults = {
    git: TEST_GIT,
    repo: repo.folder,
    ref: "main",
    path: ".",
    mirrorFolder: `${repo.folder}-mirrors`,
    signal,
  };
  return readCommit({ ...defaults, ...options });
}

function contents(answer: FilesAnswer): Record<string, string> {
  if (answer.status !== "ok") throw new Error(`${answer.reason.code}: ${answer.reason.message}`);
  return Object.fromEntries(answer.files.map((file) => [file.path, Buffer.from(file.bytes).toString()]));
}

async function refOf(ref: string): Promise<unknown> {
  const answer = await read({ ref });
  return answer.status === "ok" ? [answer.identity.ref, contents(answer)["a.yaml"]] : reason(answer);
}

function reason(answer: FilesAnswer): string {
  return answer.status === "ok" ? "ok" : `${answer.reason.code}: ${answer.reason.message}`;
}

describe("a commit of a repository on this machine", () => {
  it("answers its manifests, named from the repository's root, and who made it", async () => {
    const sha = await repo.commit(
      {
        "agents/a.yaml": "a: ü\n",
        "agents/deep/b.yml": "b",
        "agents/c.json": "{}",
        "agents/README.md": "no",
        "x.yaml": "x",
      },
      "let refunds see the order\n\nbody",
    );
    await repo.write({ "agents/a.yaml": "not committed" });
    const answer = await read({ path: "agents/" });
    expect(contents(answer)).toEqual({ "agents/a.yaml": "a: ü\n", "agents/c.json": "{}", "agents/deep/b.yml": "b" });
    expect(answer).toMatchObject({
      problems: [],
      identity: {
        repo: repo.folder,
        ref: "refs/heads/main",
        headSha: sha,
        treeSha: await repo.git("rev-parse", "HEAD:agents"),
        path: "agents",
        dirty: false,
        commit: { sha, subject: "let refunds see the order", author: "Ada Author" },
      },
    });
  });

  it("is found by branch, tag, HEAD, whole and abbreviated id, each told by its full name", async () => {
    const sha = await repo.commit({ "a.yaml": "1" });
    await repo.git("tag", "--annotate", "--message=one", "v1");
    await repo.commit({ "a.yaml": "2" });
    expect(await refOf("main")).toEqual(["refs/heads/main", "2"]);
    expect(await refOf("refs/heads/main")).toEqual(["refs/heads/main", "2"]);
    expect(await refOf("HEAD")).toEqual(["refs/heads/main", "2"]);
    expect(await refOf("v1")).toEqual(["refs/tags/v1", "1"]);
    expect(await refOf(sha)).toEqual([sha, "1"]);
    expect(await refOf(sha.slice(0, 9))).toEqual([sha, "1"]);
  });

  it("is read from a bare repository, a file URL and a linked working tree alike", async () => {
    await repo.commit({ "a.yaml": "1" });
    await repo.push();
    await repo.git("worktree", "add", "--quiet", "-b", "side", `${repo.folder}-side`);
    expect(contents(await read({ repo: repo.bare }))).toEqual({ "a.yaml": "1" });
    expect(contents(await read({ repo: `file://${repo.bare}` }))).toEqual({ "a.yaml": "1" });
    expect(await read({ repo: `${repo.folder}-side`, ref: "HEAD" })).toMatchObject({
      identity: { ref: "refs/heads/side" },
    });
  });

  it("may be a single file, and a folder without manifests is an ok answer without files", async () => {
    await repo.commit({ "agents/a.yaml": "a", "agents/b.yaml": "b", "docs/x.md": "x" });
    expect(contents(await read({ path: "agents/b.yaml" }))).toEqual({ "agents/b.yaml": "b" });
    expect(await read({ path: "docs" })).toMatchObject({ status: "ok", files: [], problems: [] });
  });

  it("passes over hidden folders and node_modules", async () => {
    await repo.commit({
      ".github/ci.yml": "x",
      "node_modules/p/package.json": "{}",
      ".hidden.yaml": "x",
      "a.yaml": "a",
    });
    expect(contents(await read())).toEqual({ "a.yaml": "a" });
  });

  it("runs no hook, filter or program that the tree or the repository's configuration names", async () => {
    const trap = join(repo.folder, "..", "trapped");
    await repo.commit({
      ".gitattributes": "*.yaml filter=trap diff=trap\n",
      "hooks/post-checkout": "#!/bin/sh\n",
      "a.yaml": "a",
    });
    for (const [key, value] of [
      ["filter.trap.smudge", `touch ${trap}`],
      ["filter.trap.clean", `touch ${trap}`],
      ["diff.trap.textconv", `touch ${trap}`],
      ["core.fsmonitor", `touch ${trap}`],
      ["core.pager", `touch ${trap}`],
      ["log.showSignature", "true"],
      ["gpg.program", `touch ${trap}`],
    ] as const) {
      await repo.git("config", key, value);
    }
    expect(contents(await read())).toEqual({ "a.yaml": "a" });
    await expect(rm(trap)).rejects.toThrow("ENOENT");
  });

  it("holds the object that its id names, whatever refs/replace says", async () => {
    await repo.commit({ "a.yaml": "real" });
    const real = await repo.git("rev-parse", "HEAD:a.yaml");
    await repo.commit({ "a.yaml": "fake" });
    await repo.git("replace", real, await repo.git("rev-parse", "HEAD:a.yaml"));
    expect(contents(await read({ ref: "main" }))).toEqual({ "a.yaml": "fake" });
    expect(contents(await read({ ref: await repo.git("rev-parse", "HEAD~1") }))).toEqual({ "a.yaml": "real" });
  });
});

describe("what cannot be read is unavailable", () => {
  it("a folder that is no repository, with the one around it", async () => {
    await repo.commit({ "agents/a.yaml": "a" });
    expect(reason(await read({ repo: join(repo.folder, "agents") }))).toBe(
      `REPOSITORY_UNREACHABLE: ${repo.folder}/agents is no git repository; it lies in the repository ${repo.folder}: name that one, and the folder with --path`,
    );
    const folder = await mkdtemp(join(tmpdir(), "countwheel-none-"));
    expect(reason(await read({ repo: folder }))).toContain("REPOSITORY_UNREACHABLE");
    expect(reason(await read({ repo: join(folder, "gone") }))).toContain("is no git repository");
    await rm(folder, { recursive: true });
  });

  it("a ref that does not exist, with the nearest that does", async () => {
    expect(reason(await read())).toContain("which has no branches yet");
    await repo.commit({ "a.yaml": "a" });
    expect(reason(await read({ ref: "mian" }))).toBe(
      `REF_NOT_FOUND: \`mian\` is no branch, tag or commit of ${repo.folder}; did you mean \`main\`?`,
    );
    expect(reason(await read({ ref: "--output=x" }))).toContain("REF_NOT_FOUND");
    expect(reason(await read({ ref: "0".repeat(40) }))).toContain("REF_NOT_FOUND");
  });

  it("a path that is missing at that commit, is no manifest, or leads out", async () => {
    await repo.commit({ "agents/a.yaml": "a", "b.md": "b" });
    expect(reason(await read({ path: "agent" }))).toContain("PATH_NOT_FOUND: there is no `agent` at commit");
    for (const path of ["b.md", "..", "../x", "/etc", "agents/\u0000", "*", ":(top)agents"]) {
      expect(reason(await read({ path })), path).toContain("PATH_NOT_FOUND");
    }
  });

  it("an address that is refused, before git starts", async () => {
    const answer = await read({ repo: "ext::sh -c id", git: { path: "/nowhere" } });
    expect(reason(answer)).toContain("REPOSITORY_REFUSED");
  });

  it("a machine without git", async () => {
    await repo.commit({ "a.yaml": "a" });
    expect(reason(await read({ git: { path: "/nowhere" } }))).toContain("READ_FAILED");
  });

  it("a repository that lost an object, which is not an empty one", async () => {
    await repo.commit({ "a.yaml": "a" });
    const blob = await repo.git("rev-parse", "HEAD:a.yaml");
    await rm(join(repo.folder, ".git/objects", blob.slice(0, 2), blob.slice(2)));
    expect(reason(await read())).toContain("READ_FAILED");
  });

  it("an abort is its reason, not an answer", async () => {
    await repo.commit({ "a.yaml": "a" });
    await expect(read({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  });
});
