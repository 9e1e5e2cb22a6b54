import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { watchSource } from "../../../reconciler/source/watch.ts";
import { type TestRepository, testRepository } from "../../git.ts";

let repo: TestRepository;
let stopping: AbortController;
beforeEach(async () => {
  repo = await testRepository({ "agents/a.yaml": "a" });
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await repo.remove();
});

interface Looks {
  readonly count: () => number;
  /** Runs the change and resolves with the next look. */
  after(change: () => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

function onProblem(message: string): void {
  throw new Error(message);
}

async function watching(kind: "folder" | "repository", path: string): Promise<Looks> {
  let count = 0;
  let next: (() => void) | undefined;
  const onLook = (): void => {
    count += 1;
    next?.();
  };
  const watch = await watchSource({ kind, path, onLook, onProblem, signal: stopping.signal });
  return {
    count: () => count,
    async after(change) {
      const looked = new Promise<void>((resolve) => {
        next = resolve;
      });
      await change();
      await looked;
    },
    close: () => watch.close(),
  };
}

describe("watching a repository on this machine", () => {
  it("notices every push to a bare repository at once", async () => {
    await repo.push();
    const looks = await watching("repository", repo.bare);
    for (const text of ["b", "c", "d"]) {
      await repo.commit({ "agents/a.yaml": text });
      await looks.after(() => repo.push());
    }
  });

  it("notices the first push, a new branch in a folder, a packed ref, and a deletion", async () => {
    const looks = await watching("repository", repo.bare);
    await looks.after(() => repo.push());
    await looks.after(() => repo.git("push", "--quiet", "origin", "main:refs/heads/team/x"));
    await looks.after(() => repo.git("--git-dir", repo.bare, "pack-refs", "--all"));
    await looks.after(() => repo.git("push", "--quiet", "origin", ":refs/heads/team/x"));
  });

  it("notices a commit in a normal repository and in a linked working tree", async () => {
    await repo.git("worktree", "add", "--quiet", "-b", "side", `${repo.folder}-side`);
    const looks = await watching("repository", `${repo.folder}-side`);
    await looks.after(() => repo.commit({ "agents/a.yaml": "b" }));
    await looks.after(() => repo.git("-C", `${repo.folder}-side`, "checkout", "--quiet", "--detach"));
  });

  it("notices a push to a repository that is named by a link", async () => {
    await symlink(repo.bare, `${repo.bare}-link`);
    const looks = await watching("repository", `${repo.bare}-link`);
    await looks.after(() => repo.push());
  });

  it("refuses a folder that is no repository", async () => {
    await expect(watching("repository", join(repo.folder, "agents"))).rejects.toMatchObject({
      code: "REPOSITORY_UNREACHABLE",
    });
  });
});

describe("watching a folder", () => {
  it("notices manifests that are written, replaced, added in new folders, and removed", async () => {
    const looks = await watching("folder", join(repo.folder, "agents"));
    await looks.after(() => repo.write({ "agents/a.yaml": "b" }));
    await looks.after(async () => {
      await writeFile(join(repo.folder, "agents/.a.tmp"), "c");
      await rename(join(repo.folder, "agents/.a.tmp"), join(repo.folder, "agents/a.yaml"));
    });
    await looks.after(() => repo.write({ "agents/new/deep/b.yaml": "b" }));
    await looks.after(() => repo.write({ "agents/new/deep/b.yaml": "changed" }));
    await looks.after(() => rm(join(repo.folder, "agents/a.yaml")));
  });

  it("says once what happened many times at once, and nothing of what is no manifest", async () => {
    const looks = await watching("folder", repo.folder);
    await mkdir(join(repo.folder, ".countwheel"), { recursive: true });
    await repo.write({
      ".countwheel/x.yaml": "x",
      "node_modules/p/x.json": "{}",
      "notes.txt": "x",
      ".git/x.yaml": "x",
    });
    const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`agents/${i}.yaml`, "x"]));
    await looks.after(() => repo.write(many));
    // Once, unless the machine is so busy that writing them pauses for longer than a burst may.
    expect(looks.count()).toBeLessThan(10);
  });

  it("is silent once it is closed, and may be closed twice", async () => {
    const looks = await watching("folder", repo.folder);
    await repo.write({ "agents/a.yaml": "b" });
    await looks.close();
    await looks.close();
    const again = await watching("folder", repo.folder);
    await again.after(() => repo.write({ "agents/a.yaml": "c" }));
    expect(looks.count()).toBe(0);
  });
});
