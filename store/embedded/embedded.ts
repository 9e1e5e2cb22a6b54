// The private Redis of one COUNTWHEEL_HOME: started by the first command that needs it, shared by all, ended by `down`.
import { rm, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { type FoundServer, findServer, type SearchRequest } from "./find-server.ts";
import { chooseSocket, type Place, placeOf, preparePlace, readFacts, touchUsed, writeFacts } from "./place.ts";
import { findRunning, readOwnPid } from "./running.ts";
import { withExclusive } from "./single-flight.ts";
import { spawnSupervised } from "./supervise.ts";

export interface EmbeddedRequest extends SearchRequest {
  /** COUNTWHEEL_HOME: the server's data and socket live in it. */
  readonly home: string;
  /** Gets one line about the server that was taken, only when it is started. */
  readonly say: (line: string) => void;
  /** How long it may stay unused before it ends by itself; a day, if nothing is said. */
  readonly idleMs?: number;
}

export interface EmbeddedServer {
  readonly url: string;
  readonly how: string;
}

const DAY_MS = 86_400_000;
/** apt may have to download first. */
const TURN_WAIT_MS = 180_000;
/** A large append-only file is read in before the first answer. */
const READY_WAIT_MS = 60_000;
const STOP_WAIT_MS = 10_000;
const POLL_MS = 5;

/**
 * The URL of the server of this home, started if it is not there. Commands that come at once share one start. Throws
 * PermanentFailure REDIS_MISSING where this machine has no Redis and cannot get one.
 */
export async function ensureEmbedded(request: EmbeddedRequest): Promise<EmbeddedServer> {
  const place = await preparePlace(request.home);
  await touchUsed(place, new Date());
  const running = await findRunning(place);
  if (running.state === "answers") return serverOf(running.facts);
  return withExclusive(place.lock, TURN_WAIT_MS, () => startUnlessRunning(place, request));
}

/** `none`: no server of this home is running. Its data stays where it is. */
export async function stopEmbedded(home: string): Promise<"stopped" | "none"> {
  const place = placeOf(home);
  if ((await readOwnPid(place)) === undefined) return "none";
  return withExclusive(place.lock, TURN_WAIT_MS, async () => {
    const pid = await readOwnPid(place);
    if (pid === undefined) return "none";
    await endProcess(place, pid);
    const facts = await readFacts(place);
    for (const file of [place.pid, place.facts, facts?.socket]) if (file !== undefined) await rm(file, { force: true });
    return "stopped";
  });
}

async function startUnlessRunning(place: Place, request: EmbeddedRequest): Promise<EmbeddedServer> {
  const running = await findRunning(place);
  if (running.state === "answers") return serverOf(running.facts);
  if (running.state === "silent") return serverOf(await waitUntilReady(place, () => undefined));
  const found = await findServer(request);
  if (found === undefined) throw noServer();
  const server = await start(place, found, request.idleMs ?? DAY_MS);
  request.say(`Redis: a private server of this directory was started (${found.how}); \`countwheel down\` ends it.`);
  return server;
}

async function start(place: Place, found: FoundServer, idleMs: number): Promise<EmbeddedServer> {
  const socket = await chooseSocket(place);
  for (const leftOver of [place.pid, socket]) await rm(leftOver, { force: true });
  await writeFile(place.config, configOf(place, socket), { mode: 0o600 });
  await writeFacts(place, { socket, how: found.how });
  const child = spawnSupervised(place, socket, found.command(place, socket), idleMs);
  let ended: string | undefined;
  child.on("error", (error) => (ended = error.message));
  child.on("exit", (code) => (ended = `it ended with ${code}`));
  return serverOf(await waitUntilReady(place, () => ended));
}

async function waitUntilReady(place: Place, ended: () => string | undefined): Promise<{ socket: string; how: string }> {
  const deadline = performance.now() + READY_WAIT_MS;
  while (performance.now() < deadline) {
    const running = await findRunning(place);
    if (running.state === "answers") return running.facts;
    const why = ended();
    if (why !== undefined) {
      throw new PermanentFailure("REDIS_START_FAILED", `The embedded Redis does not start (${why}); see ${place.log}`);
    }
    await pause(POLL_MS);
  }
  throw new TransientFailure(
    "REDIS_UNAVAILABLE",
    `The embedded Redis does not answer; see ${place.log}, or end it with \`countwheel down\``,
  );
}

function configOf(place: Place, socket: string): string {
  return [
    "port 0",
    `unixsocket ${quote(socket)}`,
    "unixsocketperm 600",
    `dir ${quote(place.data)}`,
    `pidfile ${quote(place.pid)}`,
    "daemonize no",
    // The command line must go on naming our folder: that is how the process is known to be ours.
    "set-proc-title no",
    "appendonly yes",
    "appendfsync everysec",
    'save ""',
    // Traces are text, and a log that is written anew would spend a third of the server's time on packing them.
    "rdbcompression no",
    "auto-aof-rewrite-min-size 256mb",
    "maxmemory-policy noeviction",
    "",
  ].join("\n");
}

function quote(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function serverOf(facts: { readonly socket: string; readonly how: string }): EmbeddedServer {
  return { url: `unix://${encodeURI(facts.socket)}`, how: facts.how };
}

/** SIGTERM lets it write what it has; a server that stands still is killed at the deadline. */
async function endProcess(place: Place, pid: number): Promise<void> {
  process.kill(pid, "SIGTERM");
  const deadline = performance.now() + STOP_WAIT_MS;
  while ((await readOwnPid(place)) === pid) {
    if (performance.now() > deadline) process.kill(pid, "SIGKILL");
    await pause(POLL_MS);
  }
}

function noServer(): PermanentFailure {
  const how =
    process.platform === "darwin"
      ? "install one with `brew install redis`"
      : "install redis-server or valkey-server (6.2 or newer) with your package manager";
  return new PermanentFailure(
    "REDIS_MISSING",
    `No Redis here: give one with --redis or COUNTWHEEL_REDIS_URL, or ${how}.`,
  );
}
