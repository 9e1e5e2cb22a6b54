// Where the embedded server of one COUNTWHEEL_HOME lives: its folder, its files and its socket, private to the user.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, readFile, rename, utimes, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";

export interface Place {
  /** 0700; everything below lies in it. Its path stands in the server's command line, which tells it from strangers. */
  readonly folder: string;
  readonly data: string;
  readonly config: string;
  readonly log: string;
  readonly pid: string;
  /** What was started, written before it is started. */
  readonly facts: string;
  /** Touched by every command: a server that nobody used for a day ends. */
  readonly used: string;
  /** Held while a server is started or stopped. */
  readonly lock: string;
}

export interface ServerFacts {
  readonly socket: string;
  readonly how: string;
}

export function placeOf(home: string): Place {
  const folder = join(resolve(home), "embedded");
  return {
    folder,
    data: join(folder, "data"),
    config: join(folder, "redis.conf"),
    log: join(folder, "redis.log"),
    pid: join(folder, "redis.pid"),
    facts: join(folder, "server.json"),
    used: join(folder, "used"),
    lock: join(folder, "lock"),
  };
}

export async function preparePlace(home: string): Promise<Place> {
  const place = placeOf(home);
  await mkdir(place.data, { recursive: true, mode: 0o700 });
  await chmod(place.folder, 0o700);
  // The folder often lies in a repository, and nothing in it belongs into Git.
  const ignore = join(resolve(home), ".gitignore");
  if (!existsSync(ignore)) await writeFile(ignore, "*\n");
  await writeFile(place.used, "", { flag: "a" });
  return place;
}

export async function touchUsed(place: Place, now: Date): Promise<void> {
  await utimes(place.used, now, now);
}

/** The path of a socket holds 104 bytes on macOS, 108 on Linux. A deep home gets a short one in the system's own folder. */
const SOCKET_PATH_BYTES = 100;

export async function chooseSocket(place: Place): Promise<string> {
  const inside = join(place.folder, "redis.sock");
  if (Buffer.byteLength(inside) <= SOCKET_PATH_BYTES) return inside;
  const { uid } = userInfo();
  const folder = join(tmpdir(), `countwheel-${uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  // Anybody may have made it before us: the name is easy to guess.
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new PermanentFailure("EMBEDDED_FOLDER_UNSAFE", `${folder} is open to other users; remove it or make it 0700`);
  }
  return join(folder, `${createHash("sha256").update(place.folder).digest("hex").slice(0, 24)}.sock`);
}

export async function writeFacts(place: Place, facts: ServerFacts): Promise<void> {
  await writeFile(`${place.facts}.new`, JSON.stringify(facts), { mode: 0o600 });
  await rename(`${place.facts}.new`, place.facts);
}

export async function readFacts(place: Place): Promise<ServerFacts | undefined> {
  const text = await readFile(place.facts, "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseFacts(text);
}

function parseFacts(text: string): ServerFacts | undefined {
  try {
    const facts: unknown = JSON.parse(text);
    if (typeof facts !== "object" || facts === null || !("socket" in facts) || !("how" in facts)) return undefined;
    const { socket, how } = facts;
    return typeof socket === "string" && typeof how === "string" ? { socket, how } : undefined;
  } catch {
    return undefined; // Cut by a crash: the server, if there is one, is found by its process.
  }
}
