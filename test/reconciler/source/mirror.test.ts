import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ReadMemory } from "../../../reconciler/source/git/read-memory.ts";
import { historyBetween, repositoryFolder } from "../../../reconciler/source/history.ts";
import { readRemoteHead } from "../../../reconciler/source/remote-head.ts";
import { readCommit } from "../../../reconciler/source/repository.ts";
import type { FilesAnswer } from "../../../reconciler/source/source.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";
import { type GitServer, type GitServerOptions, gitServer } from "./git-server.ts";

let repo: TestRepository;
let mirrorFolder: string;
const servers: GitServer[] = [];

beforeEach(async () => {
  repo = await testRepository({ "agents/a.yaml": "one", "other/big.bin": "x".repeat(1000) });
  await repo.push();
  mirrorFolder = join(await mkdtemp(join(tmpdir(), "countwheel-mirrors-")), "mirrors");
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  await rm(join(mirrorFolder, ".."), { recursive: true, force: true });
  await repo.remove();
});

async function serve(kind?: GitServerOptions): Promise<GitServer> {
  const server = await gitServer(repo.bare, kind);
  servers.push(server);
  return server;
}

type Options = Partial<Parameters<typeof readCommit>[0]>;

function options(url: string, more: Options = {}): Parameters<typeof readCommit>[0] {
  const { signal } = new AbortController();
  return { git: TEST_GIT, repo: url, ref: "main", path: "agents", mirrorFolder, signal, ...more };
}

async function read(url: string, more: Options = {}): Promise<unknown> {
  return shown(await readCommit(options(url, more)));
}

function shown(answer: FilesAnswer): unknown {
  if (answer.status !== "ok") return `${answer.reason.code}: ${answer.reason.message}`;
  return Object.fromEntries(answer.files.map((file) => [file.path, Buffer.from(file.bytes).toString()]));
}

describe("a repository behind a server", () => {
  it("is read by what differs, also where a text becomes a manifest that nobody fetched before", async () => {
    const server = await serve({ filter: true });
    const memory = new ReadMemory();
    const whole = await read(server.url, { memory });
    await repo.commit({ "agents/a.yaml": "two", "agents/b.yaml": "new" });
    await repo.push();
    expect(await read(server.url, { memory })).toEqual({ "agents/a.yaml": "two", "agents/b.yaml": "new" });
    await repo.git("mv", "other/big.bin", "agents/big.yaml");
    await repo.commit({});
    await repo.push();
    const before = server.requests.length;
    expect(await read(server.url, { memory })).toMatchObject({ "agents/big.yaml": "x".repeat(1000) });
    expect(server.requests.length - before).toBeLessThan(8);
    await repo.git("reset", "--quiet", "--hard", "HEAD~2");
    await repo.push("--force");
    expect(await read(server.url, { memory })).toEqual(whole);
  });

  it.each([true, false])(
    "is mirrored, follows its branch, and asks once when nothing moved (filter: %s)",
    async (filter) => {
      const server = await serve({ filter });
      expect(await read(server.url)).toEqual({ "agents/a.yaml": "one" });
      const before = server.requests.length;
      expect(await read(server.url)).toEqual({ "agents/a.yaml": "one" });
      expect(server.requests.slice(before).filter((line) => line.startsWith("POST"))).toHaveLength(1);
      await repo.commit({ "agents/a.yaml": "two", "agents/b.yaml": "new" });
      await repo.push();
      expect(await read(server.url)).toEqual({ "agents/a.yaml": "two", "agents/b.yaml": "new" });
    },
  );

  it("brings the contents of manifests only, all of them at once", async () => {
    const files = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`agents/${i}.yaml`, `n: ${i}`]));
    await repo.commit(files);
    await repo.push();
    const server = await serve();
    expect(Object.keys((await read(server.url)) as object)).toHaveLength(51);
    expect(server.requests.filter((line) => line.startsWith("POST")).length).toBeLessThan(8);
    const [mirror] = await readdir(mirrorFolder);
    const big = await repo.git("rev-parse", "HEAD:other/big.bin");
    const objects = await readdir(join(mirrorFolder, String(mirror), "objects"), { recursive: true });
    expect(objects.join("\n")).not.toContain(big.slice(2));
  });

  it("is read at a tag, at HEAD and at whole and abbreviated ids, and names the nearest of a missing ref", async () => {
    const sha = await repo.git("rev-parse", "HEAD");
    await repo.git("tag", "--annotate", "--message=one", "v1");
    await repo.git("push", "--quiet", "origin", "v1");
    await repo.commit({ "agents/a.yaml": "two" });
    await repo.push();
    const { url } = await serve();
    for (const ref of ["v1", sha, sha.slice(0, 10)])
      expect(await read(url, { ref }), ref).toEqual({ "agents/a.yaml": "one" });
    expect(await read(url, { ref: "HEAD" })).toEqual({ "agents/a.yaml": "two" });
    expect(await read(url, { ref: "mian" })).toContain("did you mean `main`?");
    expect(await read(url, { ref: "f".repeat(40) })).toContain("REF_NOT_FOUND");
    expect(await read(url, { path: "gone" })).toContain("PATH_NOT_FOUND");
  });

  it("keeps a branch `a` that gives way to a branch `a/b`", async () => {
    const { url } = await serve();
    await repo.git("push", "--quiet", "origin", "main:refs/heads/a");
    expect(await read(url, { ref: "a" })).toEqual({ "agents/a.yaml": "one" });
    await repo.git("push", "--quiet", "origin", ":refs/heads/a");
    await repo.git("push", "--quiet", "origin", "main:refs/heads/a/b");
    expect(await read(url, { ref: "a" })).toContain("REF_NOT_FOUND");
    expect(await read(url, { ref: "a/b" })).toEqual({ "agents/a.yaml": "one" });
  });

  it("tells its head without fetching", async () => {
    const { url } = await serve();
    const sha = await repo.git("rev-parse", "HEAD");
    expect(await readRemoteHead(options(url))).toEqual({ status: "ok", ref: "refs/heads/main", sha });
    expect(await readRemoteHead(options(repo.bare))).toEqual({ status: "ok", ref: "refs/heads/main", sha });
    expect(await readRemoteHead(options(url, { ref: "none" }))).toEqual({ status: "missing" });
    expect(await readRemoteHead(options("http://127.0.0.1:1/x"))).toMatchObject({ status: "unavailable" });
    await expect(readdir(mirrorFolder)).rejects.toThrow("ENOENT");
  });
});

describe("a repository behind ssh", () => {
  it("is asked in batch mode, by a plain ssh command", async () => {
    const log = join(mirrorFolder, "..", "ssh.log");
    const path = await pathWith("ssh", `printf '%s\\n' "$*" >> '${log}'\nfor last; do :; done\nexec sh -c "$last"`);
    expect(await read(`git@git.example.test:${repo.bare}`, { git: { path } })).toEqual({ "agents/a.yaml": "one" });
    expect(await readFile(log, "utf8")).toMatch(/^-oBatchMode=yes .* git@git\.example\.test git-upload-pack '/);
    const broken = await pathWith("ssh", "echo 'git@host: Permission denied (publickey).' >&2; exit 255");
    expect(await read("git@other.test:x.git", { git: { path: broken } })).toMatch(/^REPOSITORY_AUTH/);
  });
});

describe("a token", () => {
  it("opens the door, and stands in no argument and no file", async () => {
    const { url } = await serve({ token: "canary-token" });
    const log = join(mirrorFolder, "..", "argv.log");
    const path = await recordingGit(log);
    expect(await read(url, { token: "canary-token", git: { path } })).toEqual({ "agents/a.yaml": "one" });
    const basic = Buffer.from("x-access-token:canary-token").toString("base64");
    expect(await readFile(log, "utf8")).toContain("fetch");
    for (const secret of ["canary-token", basic]) {
      expect(await readFile(log, "utf8")).not.toContain(secret);
      expect(await everythingBelow(mirrorFolder)).not.toContain(secret);
    }
  });

  it("that is wrong or missing is an answer of its own, without the token", async () => {
    const { url } = await serve({ token: "right" });
    expect(await read(url, { token: "canary-token" })).toMatch(/^REPOSITORY_AUTH: (?!.*canary)/);
    expect(await read(url)).toMatch(/^REPOSITORY_AUTH/);
  });

  it("goes to no other place that a redirect names", async () => {
    const thief = await serve();
    const { url } = await serve({ redirectTo: thief.url });
    expect(await read(url, { token: "canary-token" })).toMatch(/^REPOSITORY_UNREACHABLE: .*redirects elsewhere/);
    expect(thief.requests).toEqual([]);
  });
});

describe("a mirror", () => {
  it("is unavailable, never empty, while the server is gone, and after a fetch that was cut half-way goes on", async () => {
    expect(await read("http://127.0.0.1:1/x.git")).toMatch(/^REPOSITORY_UNREACHABLE/);
    await repo.commit({
      "agents/noise.yaml": Array.from({ length: 3000 }, (_, i) => `k${i}: ${Math.sin(i)}`).join("\n"),
    });
    await repo.push();
    const cut = await serve({ cutAfterBytes: 600, filter: false });
    expect(await read(cut.url)).toMatch(/^REPOSITORY_UNREACHABLE/);
    const { url } = await serve();
    expect(Object.keys((await read(url)) as object)).toEqual(["agents/a.yaml", "agents/noise.yaml"]);
  });

  it("is fetched by many at once without one disturbing another", async () => {
    const { url } = await serve();
    const answers = await Promise.all(Array.from({ length: 6 }, () => read(url)));
    expect(answers).toEqual(answers.map(() => ({ "agents/a.yaml": "one" })));
    expect(await readdir(mirrorFolder)).toHaveLength(1);
  });

  it("outlives locks of killed processes, ours and git's", async () => {
    const { url } = await serve();
    await read(url);
    const [mirror] = await readdir(mirrorFolder);
    const gitDir = join(mirrorFolder, String(mirror));
    await writeFile(`${gitDir}.lock`, JSON.stringify({ host: hostname(), pid: 2 ** 22 + 1, id: "dead" }));
    const [ref] = await readdir(join(gitDir, "refs/countwheel"));
    await writeFile(join(gitDir, "refs/countwheel", `${ref}.lock`), "");
    await repo.commit({ "agents/a.yaml": "two" });
    await repo.push();
    expect(await read(url)).toEqual({ "agents/a.yaml": "two" });
    expect(await readdir(mirrorFolder)).toEqual([mirror]);
  });

  it("outlives the lock of a process whose number another one has now, as after the restart of a container", async () => {
    const { url } = await serve();
    await read(url);
    const [mirror] = await readdir(mirrorFolder);
    const lock = join(mirrorFolder, `${mirror}.lock`);
    await writeFile(lock, JSON.stringify({ host: hostname(), pid: process.pid, id: "before" }));
    const minuteAgo = new Date(Date.now() - 60_000);
    await utimes(lock, minuteAgo, minuteAgo);
    await repo.commit({ "agents/a.yaml": "two" });
    await repo.push();
    expect(await read(url)).toEqual({ "agents/a.yaml": "two" });
  });

  it("whose folder cannot be written is unavailable", async () => {
    const { url } = await serve();
    await writeFile(mirrorFolder, "in the way");
    expect(await read(url)).toMatch(/^READ_FAILED: the mirror in .* cannot be written/);
  });

  it.each([
    ["its objects are gone", async (gitDir: string) => emptyFolder(join(gitDir, "objects"))],
    ["its HEAD is gone", async (gitDir: string) => rm(join(gitDir, "HEAD"))],
    ["its configuration is torn", async (gitDir: string) => writeFile(join(gitDir, "config"), "[core\n")],
  ])("is made anew when %s", async (_, damage) => {
    const { url } = await serve();
    await read(url);
    const [mirror] = await readdir(mirrorFolder);
    await damage(join(mirrorFolder, String(mirror)));
    expect(await read(url)).toEqual({ "agents/a.yaml": "one" });
  });

  it("leaves no process behind when it is aborted in the middle of a fetch", async () => {
    const hanging = new AbortController();
    const ends = await connectionCount();
    const path = await hangingGit(ends.port);
    const reading = readCommit(options("http://127.0.0.1:9/x.git", { signal: hanging.signal, git: { path } }));
    await expect.poll(() => ends.open()).toBe(1);
    hanging.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    await expect.poll(() => ends.open()).toBe(0);
    ends.close();
  });
});

describe("the history between two commits", () => {
  it("is first, fast-forward, forced or unrelated", async () => {
    const { url } = await serve();
    const first = await repo.git("rev-parse", "HEAD");
    const second = await repo.commit({ "agents/a.yaml": "two" });
    await repo.push();
    await read(url);
    const mirror = await repositoryFolder(options(url));
    const between = (from: string | null, to: string): Promise<string> =>
      historyBetween({ git: TEST_GIT, mirror, from, to, signal: new AbortController().signal });
    expect(await between(null, second)).toBe("first");
    expect(await between(second, second)).toBe("fast-forward");
    expect(await between(first, second)).toBe("fast-forward");

    await repo.git("reset", "--quiet", "--hard", first);
    const rewritten = await repo.commit({ "agents/a.yaml": "rewritten" });
    await repo.push("--force");
    await read(url);
    expect(await between(second, rewritten)).toBe("forced");
    expect(await between(second, first)).toBe("forced");
    expect(await between("1".repeat(40), rewritten)).toBe("forced");

    await repo.git("checkout", "--quiet", "--orphan", "fresh");
    const fresh = await repo.commit({ "agents/a.yaml": "fresh" });
    await repo.git("push", "--quiet", "--force", "origin", "fresh:main");
    await read(url);
    expect(await between(rewritten, fresh)).toBe("unrelated");
    await expect(between(first, "2".repeat(40))).rejects.toMatchObject({ code: "READ_FAILED" });
  });

  it("is not guessed in a shallow clone", async () => {
    const first = await repo.git("rev-parse", "HEAD");
    const second = await repo.commit({ "agents/a.yaml": "two" });
    await repo.push();
    const shallow = `${repo.folder}-shallow`;
    await repo.git("clone", "--quiet", "--bare", "--depth=1", `file://${repo.bare}`, shallow);
    const { signal } = new AbortController();
    const told = historyBetween({ git: TEST_GIT, mirror: shallow, from: first, to: second, signal });
    await expect(told).rejects.toThrow(/shallow clone.*fetch-depth: 0/);
  });
});

/** A PATH on which `git` first writes its arguments down. */
async function recordingGit(log: string): Promise<string> {
  return pathWithGit(`printf '%s\\n' "$*" >> '${log}'\nexec "$real" "$@"`);
}

/** A PATH on which `git` starts a child of its own, which connects to the port, and hangs. */
async function hangingGit(port: number): Promise<string> {
  return pathWithGit(`'${process.execPath}' -e 'require("node:net").connect(${port}, "127.0.0.1")' &\nwait`);
}

/** Tells whether the child still lives by its connection: a killed process may keep its id for a while. */
async function connectionCount(): Promise<{ port: number; open(): number; close(): void }> {
  let open = 0;
  const server = createServer((socket) => {
    open += 1;
    socket
      .on("error", () => undefined)
      .on("close", () => (open -= 1))
      .resume();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return { port: (server.address() as AddressInfo).port, open: () => open, close: () => server.close() };
}

function pathWithGit(script: string): Promise<string> {
  return pathWith("git", `real=$(PATH='${TEST_GIT.path}' command -v git)\n${script}`);
}

/** A PATH whose first folder holds a script of that name. */
async function pathWith(name: string, script: string): Promise<string> {
  const folder = join(mirrorFolder, "..", "bin");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(folder, name), 0o755);
  return `${folder}:${TEST_GIT.path}`;
}

async function everythingBelow(folder: string): Promise<string> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map((entry) => readFile(join(entry.parentPath, entry.name), "latin1")));
  return texts.join("\n");
}

async function emptyFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true });
  await mkdir(folder);
}
