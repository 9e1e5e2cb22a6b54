// The embedded server with real processes: one per home, private, surviving its starter, ended by `down` or by itself.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeRedis, connectRedis } from "../../../store/connect.ts";
import { type EmbeddedRequest, ensureEmbedded, stopEmbedded } from "../../../store/embedded/embedded.ts";
import { findServer } from "../../../store/embedded/find-server.ts";
import { placeOf } from "../../../store/embedded/place.ts";
import { isAlive } from "../../../store/embedded/single-flight.ts";
import { childProgram } from "../../children.ts";
import { describeWithRedis, SEARCH } from "../../redis.ts";
import { until } from "../world.ts";

let home = "";
const children: ChildProcess[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cw-embedded-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await stopEmbedded(home);
  await rm(home, { recursive: true, force: true });
});

function request(more: Partial<EmbeddedRequest> = {}): EmbeddedRequest {
  return { ...SEARCH, home, say: () => undefined, ...more };
}

async function startCommand(): Promise<{ child: ChildProcess; url: string; pid: number; said: number }> {
  const args = [
    childProgram("store/embedded/start-command.ts"),
    home,
    SEARCH.path,
    SEARCH.userHome ?? "",
    SEARCH.cacheHome ?? "",
  ];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  return { child, ...JSON.parse(String(line)) };
}

async function serverPid(): Promise<number> {
  return Number(await readFile(placeOf(home).pid, "utf8"));
}

describeWithRedis("the embedded server", () => {
  test("is one for two commands that start at once, and only one of them says so", async () => {
    const [first, second] = await Promise.all([startCommand(), startCommand()]);
    expect(first.pid).toBe(second.pid);
    expect(first.url).toBe(second.url);
    expect(first.said + second.said).toBe(1);
  });

  test("survives a kill -9 of the command that started it", async () => {
    const { child, pid, url } = await startCommand();
    child.kill("SIGKILL");
    await once(child, "exit");
    const again = await ensureEmbedded(request());
    expect({ url: again.url, pid: await serverPid() }).toEqual({ url, pid });
  });

  test("listens on a socket that only its user can enter, and on no port", async () => {
    const { url } = await ensureEmbedded(request());
    const redis = connectRedis(url, "command");
    expect(await redis.config("GET", "port")).toEqual(["port", "0"]);
    expect((await stat(placeOf(home).folder)).mode & 0o777).toBe(0o700);
    await closeRedis(redis);
  });

  test("keeps its data over `down` and a new start", async () => {
    const before = connectRedis((await ensureEmbedded(request())).url, "command");
    await before.set("cw:{e:x}:kept", "yes");
    await closeRedis(before);
    expect(await stopEmbedded(home)).toBe("stopped");
    expect(await stopEmbedded(home)).toBe("none");
    const after = connectRedis((await ensureEmbedded(request())).url, "command");
    expect(await after.get("cw:{e:x}:kept")).toBe("yes");
    await closeRedis(after);
  });

  test("is started anew after it was killed, and leaves nothing of the old one", async () => {
    await ensureEmbedded(request());
    const killed = await serverPid();
    process.kill(killed, "SIGKILL");
    await until("the server is dead", async () => !isAlive(killed));
    const redis = connectRedis((await ensureEmbedded(request())).url, "command");
    expect(await redis.ping()).toBe("PONG");
    expect(await serverPid()).not.toBe(killed);
    await closeRedis(redis);
  });

  test("ends by itself when nobody has used it for its time, but not while somebody is connected", async () => {
    const { url } = await ensureEmbedded(request({ idleMs: 300 }));
    const pid = await serverPid();
    const redis = connectRedis(url, "command");
    await redis.ping();
    const usedAt = (await stat(placeOf(home).used)).mtimeMs;
    await until("a check has seen the connection", async () => (await stat(placeOf(home).used)).mtimeMs > usedAt + 600);
    expect(isAlive(pid)).toBe(true);
    await closeRedis(redis);
    await until("the server has ended", async () => !isAlive(pid));
  });

  test("takes a short socket outside of a home whose path is too long for one", async () => {
    const deep = join(home, "d".repeat(60), "e".repeat(60));
    await mkdir(deep, { recursive: true });
    const { url } = await ensureEmbedded(request({ home: deep }));
    const redis = connectRedis(url, "command");
    expect(await redis.ping()).toBe("PONG");
    expect(Buffer.byteLength(url)).toBeLessThan(110);
    await closeRedis(redis);
    expect(await stopEmbedded(deep)).toBe("stopped");
  });

  test("does not believe a pid file that names a stranger, and leaves the stranger alone", async () => {
    const stranger = spawn("sleep", ["60"]);
    children.push(stranger);
    await mkdir(placeOf(home).folder, { recursive: true });
    await writeFile(placeOf(home).pid, String(stranger.pid));
    expect(await stopEmbedded(home)).toBe("none");
    await ensureEmbedded(request());
    expect(await serverPid()).not.toBe(stranger.pid);
    expect(stranger.exitCode).toBeNull();
  });

  test("starts although a dead command left the lock behind", async () => {
    const dead = spawn("true");
    await once(dead, "exit");
    await mkdir(placeOf(home).folder, { recursive: true });
    await writeFile(placeOf(home).lock, `${dead.pid} left-over`);
    expect((await ensureEmbedded(request())).url).toContain("redis.sock");
  });
});

/** Without a PATH and a cache only the server in JavaScript is left, where npm installed it. */
const BARE = { path: "/nowhere", userHome: undefined, cacheHome: undefined };
const hasJavaScript = (await findServer(BARE)) !== undefined;

test.runIf(hasJavaScript)("falls back to the server in JavaScript, and says that nothing outlives it", async () => {
  const said: string[] = [];
  const { url } = await ensureEmbedded(request({ ...BARE, say: (line) => said.push(line) }));
  const redis = connectRedis(url, "command");
  expect(await redis.ping()).toBe("PONG");
  expect(said).toEqual([expect.stringContaining("in memory only")]);
  await closeRedis(redis);
  expect(await stopEmbedded(home)).toBe("stopped");
});

test.skipIf(hasJavaScript)("says in one line how to get a Redis where there is none", async () => {
  const asked = ensureEmbedded(request(BARE));
  await expect(asked).rejects.toMatchObject({ code: "REDIS_MISSING", message: expect.stringContaining("--redis") });
});
