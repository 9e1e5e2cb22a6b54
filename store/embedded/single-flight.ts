// One process at a time: an exclusive lock file that names its holder, and that is broken once its holder is dead.
import { randomUUID } from "node:crypto";
import { closeSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { TransientFailure } from "../../contracts/failure.ts";

const POLL_MS = 25;
/** Breaking a dead holder's lock takes microseconds; older than this, the breaker itself has died in it. */
const BREAK_MS = 5_000;
/** No start or stop takes longer: an older lock belongs to a dead process whose pid somebody else has now. */
const LONGEST_WORK_MS = 300_000;

export async function withExclusive<T>(path: string, waitMs: number, work: () => Promise<T>): Promise<T> {
  const mark = `${process.pid} ${randomUUID()}`;
  await takeLock(path, mark, waitMs);
  try {
    return await work();
  } finally {
    if (readOr(path) === mark) unlinkQuietly(path);
  }
}

async function takeLock(path: string, mark: string, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!createExclusive(path, mark)) {
    breakIfDead(path);
    if (performance.now() > deadline) {
      throw new TransientFailure("REDIS_START_TIMEOUT", `Another command holds ${path} and does not come to an end`);
    }
    await pause(POLL_MS);
  }
}

/** Synchronous on purpose: between creation and mark no other code of ours may run. */
function createExclusive(path: string, mark: string): boolean {
  try {
    const file = openSync(path, "wx", 0o600);
    writeSync(file, mark);
    closeSync(file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Two waiters may see the same dead holder: a second lock lets only one of them remove it, and only what it saw. */
function breakIfDead(path: string): void {
  if (!isDead(path)) return;
  const breaker = `${path}.break`;
  if (!createExclusive(breaker, String(process.pid))) {
    if (ageMs(breaker) > BREAK_MS) unlinkQuietly(breaker);
    return;
  }
  if (isDead(path)) unlinkQuietly(path);
  unlinkQuietly(breaker);
}

function isDead(path: string): boolean {
  const mark = readOr(path);
  if (mark === undefined) return false;
  const pid = Number(mark.split(" ", 1)[0]);
  // An empty file is a holder between creation and mark, or one that died there.
  if (!Number.isInteger(pid) || pid <= 0) return ageMs(path) > BREAK_MS;
  return !isAlive(pid) || ageMs(path) > LONGEST_WORK_MS;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function ageMs(path: string): number {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else removed it: what was wanted.
  }
}
