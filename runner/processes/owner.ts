// Names this process so that a later one can tell whether it is still there: what it has left behind may be removed then.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** `<host>-<pid>-<start>`: a number of a process is given again, with another start. */
export function ownerName(): string {
  return `${hostPart()}-${process.pid}-${startOf(process.pid) ?? "x"}`;
}

const OWNER = /^([0-9a-f]{12})-([0-9]{1,10})-([0-9x]{1,24})$/;

/** Whether it has ended for sure. Never of what another host or nobody can tell. */
export function hasGone(owner: string): boolean {
  const [, host, pid = "", start] = OWNER.exec(owner) ?? [];
  if (host !== hostPart()) return false;
  if (!isThere(Number(pid))) return true;
  const now = startOf(Number(pid));
  return now !== undefined && now !== start;
}

function hostPart(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 12);
}

/** In ticks since the boot. undefined: there is none, or this is no Linux. */
function startOf(pid: number): string | undefined {
  const text = readOr(`/proc/${pid}/stat`, "");
  // The name of the program stands in brackets, and may hold some itself.
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is there, too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}
