// Trees that no honest git would write: built from raw objects, since `git add` refuses most of them.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Problem } from "../../../contracts/problem.ts";
import { readCommit } from "../../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../../reconciler/source/source.ts";
import { runGit, TEST_GIT, type TestRepository, testRepository } from "../../git.ts";

let repo: TestRepository;
let blob: string;
beforeEach(async () => {
  repo = await testRepository();
  blob = await object("blob", "kind: Agent\n");
});
afterEach(() => repo.remove());

function object(type: string, content: string | Uint8Array): Promise<string> {
  return runGit(repo.folder, ["hash-object", "-w", "--literally", "-t", type, "--stdin"], content);
}

/** A tree from raw entries; `--literally` accepts what mktree refuses. */
function tree(
  ...entries: readonly (readonly [mode: string, name: string | Uint8Array, oid: string])[]
): Promise<string> {
  const parts = entries.flatMap(([mode, name, oid]) => [
    Buffer.from(`${mode} `),
    Buffer.from(name),
    Buffer.from([0]),
    Buffer.from(oid, "hex"),
  ]);
  return object("tree", Buffer.concat(parts));
}

async function readTree(root: string, path = "."): Promise<FilesAnswer> {
  const commit = await repo.git("commit-tree", "-m", "hostile", root);
  await repo.git("update-ref", "refs/heads/main", commit);
  const { signal } = new AbortController();
  return readCommit({ git: TEST_GIT, repo: repo.folder, ref: "main", path, mirrorFolder: "/nowhere", signal });
}

function files(answer: FilesAnswer): string[] {
  return answer.status === "ok" ? answer.files.map((file) => file.path) : [answer.reason.code];
}

function line(problem: Problem): string {
  return `${problem.severity} ${problem.code} ${problem.summary}`;
}

function problems(answer: FilesAnswer): string[] {
  return answer.status === "ok" ? answer.problems.map(line) : [`${answer.reason.code}: ${answer.reason.message}`];
}

/** A manifest below that many folders. */
async function nested(depth: number): Promise<string> {
  const path = `${"d/".repeat(depth)}a.yaml`;
  const stream = `commit refs/heads/deep\ncommitter C <c@example.test> 0 +0000\ndata 0\nM 100644 ${blob} ${path}\n\n`;
  await runGit(repo.folder, ["fast-import", "--quiet", "--force"], stream);
  return repo.git("rev-parse", "refs/heads/deep^{tree}");
}

describe("a hostile tree", () => {
  it.each(["..", ".", ".git", ".GIT", ".Git ", "git~1", ".g\u200cit"])(
    "names the folder %j and reads nothing in it",
    async (name) => {
      const inner = await tree(["100644", "a.yaml", blob], ["100644", "b.yaml", blob]);
      const answer = await readTree(await tree(["40000", name, inner], ["100644", "good.yaml", blob]));
      expect(files(answer)).toEqual(["good.yaml"]);
      expect(problems(answer)).toHaveLength(1);
      expect(problems(answer)[0]).toContain("error UNSUPPORTED_FILE");
    },
  );

  it.each([
    ["a\\b.yaml", "`a\\b.yaml` holds a backslash"],
    ["a\u202elmay.yaml", "`a\\u{202e}lmay.yaml` holds control or invisible"],
    ["a.ya\u200bml", "`a.ya\\u{200b}ml` holds control or invisible"],
    ["a\n.yaml", "`a\\u{a}.yaml` holds control or invisible"],
    ["\u001b[2J.yaml", "`\\u{1b}[2J.yaml` holds control"],
  ])("names the file %j plainly and does not read it", async (name, summary) => {
    const answer = await readTree(await tree(["100644", name, blob]));
    expect(files(answer)).toEqual([]);
    expect(problems(answer)[0]).toContain(`error UNSUPPORTED_FILE ${summary}`);
  });

  it("names bytes that are no UTF-8", async () => {
    const answer = await readTree(await tree(["100644", Buffer.from("caf\xe9.yaml", "latin1"), blob]));
    expect(problems(answer)).toEqual(["error UNSUPPORTED_FILE `caf\ufffd.yaml` is not valid UTF-8, so it is not read"]);
  });

  it("names links and submodules as ignored, and never follows them", async () => {
    const target = await object("blob", "/etc/passwd");
    const answer = await readTree(
      await tree(
        ["120000", "folder", target],
        ["100644", "good.yaml", blob],
        ["120000", "link.yaml", target],
        ["160000", "module", "1".repeat(40)],
      ),
    );
    expect(files(answer)).toEqual(["good.yaml"]);
    expect(problems(answer)).toEqual([
      "warning UNSUPPORTED_FILE `folder` is a symbolic link, so it is ignored",
      "warning UNSUPPORTED_FILE `link.yaml` is a symbolic link, so it is ignored",
      "warning UNSUPPORTED_FILE `module` is a submodule, so it is ignored",
    ]);
  });

  it("does not read through a link or a submodule that is named as the path", async () => {
    const target = await object("blob", "elsewhere");
    const root = await tree(["120000", "agents", target], ["160000", "module", "1".repeat(40)]);
    expect(problems(await readTree(root, "agents"))[0]).toContain("PATH_NOT_FOUND: `agents` at commit");
    expect(problems(await readTree(root, "module"))[0]).toContain("is a submodule");
    expect(problems(await readTree(root, "agents/a"))[0]).toContain("PATH_NOT_FOUND");
  });

  it("names both of two paths that are one by case or by Unicode form", async () => {
    const answer = await readTree(
      await tree(
        ["100644", "A.yaml", blob],
        ["100644", "a.yaml", blob],
        ["100644", "e\u0301.yaml", blob],
        ["100644", "\u00e9.yaml", blob],
      ),
    );
    expect(problems(answer)).toEqual([
      "error PATH_COLLISION `a.yaml` and `A.yaml` are one file where case or Unicode form does not count",
      "error PATH_COLLISION `\u00e9.yaml` and `e\u0301.yaml` are one file where case or Unicode form does not count",
    ]);
    expect(answer).toMatchObject({
      problems: [{ related: { file: "A.yaml" } }, { related: { file: "e\u0301.yaml" } }],
    });
  });

  it("refuses an LFS pointer, whose text is not in the repository", async () => {
    const pointer = await object(
      "blob",
      `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 9\n`,
    );
    const answer = await readTree(await tree(["100644", "a.yaml", pointer]));
    expect(files(answer)).toEqual([]);
    expect(problems(answer)[0]).toContain("error UNSUPPORTED_FILE `a.yaml` is a Git LFS pointer");
  });

  it("names a file that is too large without reading it", async () => {
    const large = await object("blob", Buffer.alloc(1024 * 1024 + 1, "x"));
    const answer = await readTree(await tree(["100644", "a.yaml", large], ["100644", "b.yaml", blob]));
    expect(files(answer)).toEqual(["b.yaml"]);
    expect(problems(answer)).toEqual(["error LIMIT `a.yaml` is larger than 1 MiB, so it is not read"]);
  });

  it("names what lies too deep, and is bounded on 3,000 folders in one another", async () => {
    expect(problems(await readTree(await nested(64)))).toEqual([]);
    expect(problems(await readTree(await nested(65)))[0]).toContain("error LIMIT");
    expect(problems(await readTree(await nested(3000)))[0]).toContain("error LIMIT");
  });

  it("counts what it cannot name one by one, and loses no error among warnings", async () => {
    const target = await object("blob", "x");
    const links = Array.from({ length: 500 }, (_, i) => ["120000", `l${String(i).padStart(3, "0")}`, target] as const);
    const answer = await readTree(await tree(...links, ["100644", "z\\.yaml", blob]));
    expect(problems(answer)).toHaveLength(201);
    expect(problems(answer)[0]).toContain("error UNSUPPORTED_FILE `z\\.yaml`");
    expect(problems(answer)[200]).toContain("warning UNSUPPORTED_FILE 301 more files cannot be read");
  });
});
