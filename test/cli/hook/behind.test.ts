// What happens behind a push that was let in: what was shown is applied, whoever leaves, and nothing else is.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connectRedis, type Redis } from "../../../store/connect.ts";
import { acquireWriterLock } from "../../../store/writer-lock.ts";
import { runGit } from "../../git.ts";
import { describeWithRedis } from "../../redis.ts";
import { ENTRY } from "../command.ts";
import { model, type PushRoom, usePushRoom } from "../push-room.ts";

const TASK = `apiVersion: countwheel.dev/v1
kind: Task
metadata: {name: first}
spec: {system: one}
---
apiVersion: countwheel.dev/v1
kind: AgentSystem
metadata: {name: one}
spec: {agents: [a], graph: {a: {}}}
---
apiVersion: countwheel.dev/v1
kind: Agent
metadata: {name: a}
spec: {model_ref: m, prompt: say it}
`;

describeWithRedis("behind a push", () => {
  const here = usePushRoom();

  it("does not apply what was not shown, keeps the push, and names the command that goes on", async () => {
    const { room } = here;
    // Between the two hooks of the push somebody applies the manifest in another form.
    room.room.write({ "by-hand/m.yaml": model("m", "other") });
    const apply = [...ENTRY, "apply", "by-hand", "--yes", "--env", room.env, "--redis", here.server.url];
    const words = [process.execPath, ...apply].map((word) => `'${word}'`).join(" ");
    await room.writeHook("post-receive", `cd '${room.room.folder}' && ${words} >&2`);
    await room.install("--chain");
    const { code, text } = await room.push("origin", "main");
    expect(code).toBe(0);
    expect(text).toContain("remote: PLAN_STALE: the state or the settings have moved since the plan was shown");
    expect(text).toContain(`remote: The commit is in the branch, and not applied to environment ${room.env}.`);
    expect(text).toMatch(/remote: Next: .*countwheel apply --repo .* --ref main --path agents/);
    const { stdout } = await room.room.run("get", "modelendpoint", "m", "--env", room.env, "-o", "json");
    expect(stdout).toContain('"other"');
  });

  it("names the tasks that the commit started, and what they wait for", async () => {
    const { room } = here;
    await room.install("--follow", "0s");
    await room.repository.commit({ "agents/task.yaml": TASK });
    const { text } = await room.push("origin", "main");
    expect(text).toContain("remote: Task first is pending, waits for a runner");
    expect(text).toContain(`remote:   follow: countwheel trace first -f --env ${room.env}`);
  });

  it("tells how they ended where they end in time", async () => {
    const { room } = here;
    await room.install("--follow", "30s");
    await room.repository.commit({ "agents/task.yaml": TASK });
    const runner = startRunner(room, here.server.url);
    const { text } = await room.push("origin", "main");
    runner.kill("SIGTERM");
    expect(text).toMatch(/remote: Task first succeeded in [\d.]+ s · 1 agent · 1 turn · 0 calls/);
    await once(runner, "close");
  });

  it("goes on with the apply when the pusher leaves, as often as they press the key", async () => {
    const { room } = here;
    await room.install();
    const after = await shownAndLetIn(room);
    const redis = connectRedis(here.server.url, "command");
    const lock = await acquireWriterLock(redis, { env: room.env, holder: "another", ttlMs: 10_000 });
    const hook = startPostReceive(room, `${"0".repeat(40)} ${after} refs/heads/main\n`);
    await untilItWaits(redis);
    hook.stdout?.destroy();
    hook.stderr?.destroy();
    for (const signal of ["SIGINT", "SIGINT", "SIGHUP", "SIGTERM"] as const) hook.kill(signal);
    if (lock.outcome === "acquired") await lock.lock.release();
    expect(await once(hook, "exit")).toEqual([0, null]);
    expect(await room.applied()).toEqual(["m"]);
    redis.disconnect();
  });

  it("applies nothing twice, and nothing that no push has shown", async () => {
    const { room } = here;
    await room.install();
    await room.push("origin", "main");
    expect(await readdir(join(room.room.folder, ".countwheel/pushes"))).toEqual([".gitignore"]);
    const head = await runGit(room.repository.bare, ["rev-parse", "main"]);
    const hook = startPostReceive(room, `${"0".repeat(40)} ${head} refs/heads/main\n`);
    expect(await once(hook, "exit")).toEqual([0, null]);
    const { stdout } = await room.room.run("history", "--env", room.env, "-o", "json");
    expect(JSON.parse(stdout).items).toHaveLength(1);
  });
});

function startRunner({ env }: PushRoom, redis: string): ChildProcess {
  return spawn(process.execPath, [...ENTRY, "runner", "--redis", redis, "--env", env], { stdio: "ignore" });
}

/** git passes over a hook that is not executable: the push ends between its two hooks. */
async function shownAndLetIn(room: PushRoom): Promise<string> {
  await chmod(join(room.repository.bare, "hooks/post-receive"), 0o644);
  await room.push("origin", "main");
  return await runGit(room.repository.bare, ["rev-parse", "main"]);
}

function startPostReceive({ repository }: PushRoom, input: string): ChildProcess {
  const child = spawn(process.execPath, [...ENTRY, "hook", "run", "post-receive"], {
    cwd: repository.bare,
    env: { PATH: "/usr/bin:/bin", GIT_DIR: "." },
    stdio: "pipe",
  });
  child.stdin.end(input);
  return child;
}

/** A writer that waits asks for the lock again and again, by a script. */
async function untilItWaits(redis: Redis): Promise<void> {
  for (let isThere = false; !isThere; ) isThere = String(await redis.client("LIST")).includes("cmd=eval");
}
