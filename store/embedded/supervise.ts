// The small shell that stands behind an embedded server: it ends the server after a day unused, and itself with it.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Place } from "./place.ts";

/**
 * A shell and not a node process: it lives as long as the server and takes 1 MB instead of 40. It leads a process
 * group of its own, so that nothing of it is left when the server ends, for whatever reason. Arguments: interval in
 * seconds, node, the check, its three arguments, then the server's command.
 */
const SUPERVISE = `
interval=$1 node=$2 check=$3 socket=$4 used=$5 idle=$6; shift 6
"$@" & server=$!
while sleep "$interval"; do
  "$node" -e "$check" "$socket" "$used" "$idle"
  [ $? -eq 10 ] && kill "$server"
done &
wait "$server"
trap '' TERM
kill -TERM 0
`;

/** Exits with 10 where no client is connected and the last command is longer ago than `idle` ms. */
const IDLE_CHECK = `
const [socket, used, idle] = process.argv.slice(1);
const { statSync, utimesSync } = require("node:fs");
let text = "";
const connection = require("node:net").connect(socket, () => connection.write("CLIENT LIST\\r\\n"));
connection.setTimeout(5000, () => process.exit(1));
connection.on("error", () => process.exit(1));
connection.on("data", (chunk) => {
  text += chunk;
  const size = /^\\$(\\d+)\\r\\n/.exec(text);
  if (size === null || text.length < size[0].length + Number(size[1])) return;
  const clients = text.split("\\n").filter((line) => line.startsWith("id=")).length;
  if (clients > 1) utimesSync(used, new Date(), new Date());
  process.exit(clients <= 1 && Date.now() - statSync(used).mtimeMs > Number(idle) ? 10 : 0);
});
`;

export interface ServerCommand {
  readonly file: string;
  readonly args: readonly string[];
  /** The server's environment: nothing of ours is inherited. Not the shell's: a library path must not reach node. */
  readonly variables: Readonly<Record<string, string>>;
}

const LONGEST_INTERVAL_S = 3_600;

/** Detached: a crash of this process, or Ctrl-C in its terminal, does not reach the server. */
export function spawnSupervised(place: Place, socket: string, command: ServerCommand, idleMs: number): ChildProcess {
  const interval = Math.min(idleMs / 2_000, LONGEST_INTERVAL_S);
  const log = openSync(place.log, "a", 0o600);
  const shell = [String(interval), process.execPath, IDLE_CHECK, socket, place.used, String(idleMs)];
  const variables = Object.entries(command.variables).map(([name, value]) => `${name}=${value}`);
  const server = ["/usr/bin/env", "-i", ...variables, command.file, ...command.args];
  const child = spawn("/bin/sh", ["-c", SUPERVISE, "countwheel-redis", ...shell, ...server], {
    detached: true,
    cwd: place.folder,
    env: { PATH: "/usr/bin:/bin" },
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  child.unref();
  return child;
}
