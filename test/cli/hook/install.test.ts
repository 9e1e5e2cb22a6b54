// `hook install` and `hook uninstall`: what they write down, what they keep, and what they refuse.
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runGit } from "../../git.ts";
import { type PushRoom, pushRoom } from "../push-room.ts";

let room: PushRoom;
let hook: (name: string) => string;
beforeEach(async () => {
  // Nothing listens there: installing asks no Redis.
  room = await pushRoom("redis://127.0.0.1:1");
  hook = (name) => join(room.repository.bare, "hooks", name);
});
afterEach(() => room.remove());

async function config(name: string): Promise<string> {
  return await runGit(room.repository.bare, ["config", "--get", name]).catch(() => "");
}

it("writes down the branch, the directory and the Redis, and lets push options through", async () => {
  const { code, stdout } = await room.install("-o", "json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    formatVersion: "1",
    env: room.env,
    environments: [{ env: room.env, ref: "refs/heads/main", path: "agents", redis: "redis://127.0.0.1:1" }],
  });
  expect(await config("receive.advertisePushOptions")).toBe("true");
});

it("changes nothing when it is done again", async () => {
  await room.install("--follow", "3s");
  const before = [
    await readFile(hook("pre-receive"), "utf8"),
    await readFile(join(room.repository.bare, "config"), "utf8"),
  ];
  await room.install();
  const after = [
    await readFile(hook("pre-receive"), "utf8"),
    await readFile(join(room.repository.bare, "config"), "utf8"),
  ];
  expect(after).toEqual(before);
});

it("names Node and the command by whole paths", async () => {
  await room.install();
  const text = await readFile(hook("pre-receive"), "utf8");
  expect(text).toContain(`node='${process.execPath}'`);
  expect(text).toMatch(/^main='\/.*\/dist\/cli\/main\.js'$/m);
});

it("writes no hook over one that is there", async () => {
  await room.writeHook("pre-receive", "exit 0");
  const { code, stderr } = await room.install();
  expect(code).toBe(1);
  expect(stderr).toMatch(/HOOK_EXISTS: .*pre-receive is there already.*--chain/);
  expect(await readFile(hook("pre-receive"), "utf8")).toBe("#!/bin/sh\nexit 0\n");
});

it("runs hooks that were there before ours with --chain, and puts them back in the end", async () => {
  const script = "cat > seen; exit 3";
  await room.writeHook("pre-receive", script);
  await room.install("--chain");
  expect((await room.push("origin", "main:refs/heads/other")).text).toContain("pre-receive hook declined");
  expect(await readFile(join(room.repository.bare, "seen"), "utf8")).toContain(" refs/heads/other\n");
  await room.room.run("hook", "uninstall", room.repository.bare);
  expect(await readFile(hook("pre-receive"), "utf8")).toBe(`#!/bin/sh\n${script}\n`);
});

it("puts them where core.hooksPath of the repository says", async () => {
  await runGit(room.repository.bare, ["config", "core.hooksPath", "own"]);
  await room.install();
  expect(await readFile(join(room.repository.bare, "own/pre-receive"), "utf8")).toContain("countwheel hook install");
  await expect(readFile(hook("pre-receive"))).rejects.toThrow("ENOENT");
});

it("refuses a folder with a working tree, and one that is no repository", async () => {
  const tree = await room.room.run("hook", "install", room.repository.folder);
  expect(tree).toMatchObject({ code: 64, stderr: expect.stringContaining("git clone --bare") });
  const none = await room.room.run("hook", "install", room.room.folder);
  expect(none).toMatchObject({ code: 64, stderr: expect.stringContaining("git init --bare") });
});

it("refuses a ref that is no branch", async () => {
  for (const ref of ["refs/tags/v1", "--upload-pack=x", "a..b"])
    expect(await room.install(`--ref=${ref}`)).toMatchObject({ code: 64 });
});

it("writes no password down", async () => {
  const { code, stderr } = await room.install("--redis", "redis://u:hunter2@127.0.0.1:1");
  expect(code).toBe(64);
  expect(stderr).toContain("--env-file");
  expect(stderr).not.toContain("hunter2");
  expect(await readFile(join(room.repository.bare, "config"), "utf8")).not.toContain("hunter2");
});

it("takes variables from a file that only its owner reads", async () => {
  const file = join(room.room.folder, "hook env");
  await writeFile(file, "COUNTWHEEL_REDIS_URL=redis://u:hunter2@127.0.0.1:1\n");
  await chmod(file, 0o644);
  expect(await room.install("--env-file", file)).toMatchObject({
    code: 64,
    stderr: expect.stringContaining("chmod 600"),
  });
  await chmod(file, 0o600);
  expect(await room.install("--env-file", file)).toMatchObject({ code: 0 });
  expect(await config(`countwheel.${room.env}.redis`)).toBe("");
  const { text } = await room.push("origin", "main");
  expect(text).toContain("REDIS_UNAVAILABLE");
  expect(text).not.toContain("hunter2");
});

it("takes one environment out, and the hooks with the last", async () => {
  await room.install();
  await room.room.run("hook", "install", room.repository.bare, "--env", "other");
  await room.room.run("hook", "uninstall", room.repository.bare, "--env", "other");
  expect(await readFile(hook("pre-receive"), "utf8")).toContain("hook run");
  const last = await room.room.run("hook", "uninstall", room.repository.bare, "-o", "json");
  expect(JSON.parse(last.stdout)).toMatchObject({ environments: [room.env], hooks: ["pre-receive", "post-receive"] });
  await expect(readFile(hook("pre-receive"))).rejects.toThrow("ENOENT");
  expect(await readFile(join(room.repository.bare, "config"), "utf8")).not.toMatch(/countwheel/);
});

it("names the environments that there are where one is not", async () => {
  await room.install();
  const { code, stderr } = await room.room.run("hook", "uninstall", room.repository.bare, "--env", "nothing");
  expect(code).toBe(64);
  expect(stderr).toContain(room.env);
});

it("keeps a push out whose hook no longer finds the command, and says what to do", async () => {
  await room.install();
  const text = await readFile(hook("pre-receive"), "utf8");
  await writeFile(hook("pre-receive"), text.replace(/^main=.*$/m, "main='/gone/main.js'"));
  const { code, text: told } = await room.push("origin", "main");
  expect(code).toBe(1);
  expect(told).toContain("HOOK_BROKEN: countwheel is no longer at /gone/main.js");
});

it("is looked at by doctor in the repository", async () => {
  await room.install();
  await rm(hook("post-receive"));
  await writeFile(
    hook("post-receive"),
    (await readFile(hook("pre-receive"), "utf8")).replace(/^node=.*$/m, "node='/gone'"),
  );
  const { runDoctor } = await import("../../../cli/commands/doctor.ts");
  const { listenIn } = await import("../manifests.ts");
  const { host, told, remove } = await listenIn();
  const options = { env: room.env, redis: "redis://127.0.0.1:1", output: "text", verbose: false } as const;
  await runDoctor({ ...host, cwd: room.repository.bare, config: { ...host.config, home: host.cwd } }, options);
  expect(told.out).toMatch(/fail +hooks +post-receive starts \/gone, which is not there/);
  expect(told.out).toMatch(/fail +hooks +git skips post-receive/);
  await remove();
});
