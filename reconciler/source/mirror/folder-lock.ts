// One process at a time for a folder, by a lock file beside it that outlives no crash. It saves double work; what must
// never break is safe without it, since git locks its own refs and a rebuilt mirror arrives by one rename.
import { randomUUID } from "node:crypto";
import { readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { Unavailable } from "../unavailable.ts";

const RETRY_MS = 25;
/** A holder touches its lock so often; one that stays untouched for longer is stale, whoever seems to hold it. */
const TOUCH_MS = 2_000;
const STALE_MS = 20_000;
/** A lock without a readable holder is being written, or its writer died within that moment. */
const WRITING_MS = 5_000;

/** Runs `work` while nobody else holds `file`. Throws {@link Unavailable} when the wait takes too long. */
export async function withFolderLock<T>(
  file: string,
  waitMs: number,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const token = await acquire(file, waitMs, signal);
  const touching = setInterval(() => void touch(file), TOUCH_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(touching);
    await release(file, token);
  }
}

/** A lock that was taken away meanwhile is somebody else's business. */
async function touch(file: string): Promise<void> {
  const now = new Date();
  await utimes(file, now, now).catch(() => undefined);
}

async function acquire(file: string, waitMs: number, signal: AbortSignal): Promise<string> {
  const token = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() });
  const deadline = performance.now() + waitMs;
  while (!(await create(file, token))) {
    await removeIfStale(file);
    if (performance.now() > deadline) {
      throw new Unavailable("READ_FAILED", `another process has held ${file} for too long; end it, or remove the file`);
    }
    await pause(RETRY_MS, undefined, { signal });
  }
  return token;
}

async function create(file: string, token: string): Promise<boolean> {
  try {
    await writeFile(file, token, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
}

async function release(file: string, token: string): Promise<void> {
  if ((await readIfThere(file)) === token) await rm(file, { force: true });
}

async function removeIfStale(file: string): Promise<void> {
  const seen = await readIfThere(file);
  if (seen === undefined || !(await isStale(file, seen))) return;
  // Moved away first, so that of several waiters one decides; put back if a new holder slipped in between.
  const aside = `${file}.stale-${randomUUID()}`;
  try {
    await rename(file, aside);
    const moved = await readFile(aside, "utf8");
    if (moved !== seen) await create(file, moved);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

async function isStale(file: string, content: string): Promise<boolean> {
  const age = await ageOf(file);
  if (age === undefined) return false;
  if (age > STALE_MS) return true;
  const holder = parseHolder(content);
  if (holder === undefined) return age > WRITING_MS;
  return holder.host === hostname() && !isAlive(holder.pid);
}

function parseHolder(content: string): { host: unknown; pid: number } | undefined {
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value !== "object" || value === null || !("pid" in value) || !("host" in value)) return undefined;
    return typeof value.pid === "number" ? { host: value.host, pid: value.pid } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

async function ageOf(file: string): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
