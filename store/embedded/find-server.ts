// Which program can be the embedded server here: one on the PATH, a private copy from apt, or the one in JavaScript.
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { isOlder, OLDEST_VERSION } from "../version.ts";
import type { Place } from "./place.ts";
import { type AptRequest, fetchPrivateCopy } from "./private-copy.ts";
import type { ServerCommand } from "./supervise.ts";

export interface FoundServer {
  /** For people: what it is and where it came from. */
  readonly how: string;
  /** False: everything is lost when it ends. */
  readonly durable: boolean;
  /** Its command for one place, listening on `socket`. */
  command(place: Place, socket: string): ServerCommand;
}

export type SearchRequest = AptRequest;

const PROGRAMS = ["redis-server", "valkey-server"] as const;

/** Answers the first that works; undefined where this machine has none and can get none. */
export async function findServer(request: SearchRequest): Promise<FoundServer | undefined> {
  return (await findReal(request)) ?? findJavaScript(request.path);
}

/** A server in C, with persistence: what tests and benchmarks need. */
export async function findReal(request: SearchRequest): Promise<FoundServer | undefined> {
  return (await findOnPath(request.path)) ?? (await findPrivateCopy(request));
}

async function findOnPath(path: string): Promise<FoundServer | undefined> {
  for (const program of PROGRAMS) {
    const file = await findProgram(path, program);
    if (file === undefined) continue;
    const version = await readVersion(file, { PATH: path });
    if (version === undefined || isOlder(version, OLDEST_VERSION)) continue;
    return realServer(`${program} ${version} from the PATH`, file, { PATH: path });
  }
  return undefined;
}

async function findPrivateCopy(request: SearchRequest): Promise<FoundServer | undefined> {
  const copy = await fetchPrivateCopy(request, async (file, variables) => {
    const version = await readVersion(file, variables);
    return version !== undefined && !isOlder(version, OLDEST_VERSION);
  });
  if (copy === undefined) return undefined;
  const version = await readVersion(copy.file, copy.variables);
  return realServer(`redis-server ${version}, a private copy from this system's apt`, copy.file, copy.variables);
}

function realServer(how: string, file: string, variables: Readonly<Record<string, string>>): FoundServer {
  return { how, durable: true, command: (place) => ({ file, args: [place.config], variables }) };
}

export async function findProgram(path: string, program: string): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((entry) => entry.startsWith("/"))) {
    const file = join(folder, program);
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  return undefined;
}

async function readVersion(file: string, env: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(file, ["--version"], { env: { ...env }, timeout: 5_000 });
    return /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    return undefined; // Made for another system, or without its libraries: as good as absent.
  }
}

/**
 * js-redis-server with lua-redis-wasm: optional dependencies, absent where npm left them out. It opens a TCP port for
 * the moment before it moves to the socket, because it can do nothing else.
 */
const JAVASCRIPT_SERVER = `
const [library, socket, pid] = process.argv.slice(1);
const { rmSync, writeFileSync } = require("node:fs");
require(library).createRedisServer({ port: 0 }).then(({ server }) => {
  server.server.close(() => {
    rmSync(socket, { force: true });
    server.server.listen(socket, () => writeFileSync(pid, String(process.pid)));
  });
});
process.on("SIGTERM", () => process.exit(0));
`;

function findJavaScript(path: string): FoundServer | undefined {
  const library = resolveOptional("js-redis-server");
  if (library === undefined || resolveOptional("lua-redis-wasm") === undefined) return undefined;
  return {
    how: "js-redis-server, slow and in memory only: nothing outlives it",
    durable: false,
    command: (place, socket) => ({
      file: process.execPath,
      args: ["-e", JAVASCRIPT_SERVER, library, socket, place.pid],
      variables: { PATH: path },
    }),
  };
}

function resolveOptional(name: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(name);
  } catch {
    return undefined;
  }
}
