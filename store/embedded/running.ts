// Is a server of this place running? A pid file is believed only where the process is ours and answers on our socket.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { promisify } from "node:util";
import type { Place, ServerFacts } from "./place.ts";
import { readFacts } from "./place.ts";
import { isAlive } from "./single-flight.ts";

export type Running =
  | { readonly state: "answers"; readonly facts: ServerFacts; readonly pid: number }
  /** Alive and ours, but loading its data, paused or stuck. */
  | { readonly state: "silent"; readonly pid: number }
  | { readonly state: "none" };

const ANSWER_MS = 2_000;

export async function findRunning(place: Place): Promise<Running> {
  const pid = await readOwnPid(place);
  if (pid === undefined) return { state: "none" };
  const facts = await readFacts(place);
  if (facts === undefined) return { state: "silent", pid };
  const answer = await askSocket(facts.socket, "PING");
  return answer?.startsWith("+PONG") === true ? { state: "answers", facts, pid } : { state: "silent", pid };
}

/** The pid in the pid file, where that process is alive and its command line names our folder. */
export async function readOwnPid(place: Place): Promise<number | undefined> {
  const pid = Number((await readFile(place.pid, "utf8").catch(() => "")).trim());
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
  return (await commandLine(pid)).includes(place.folder) ? pid : undefined;
}

/** Empty for a process that is gone, and for one that ended and was not yet collected by its parent. */
async function commandLine(pid: number): Promise<string> {
  if (process.platform === "linux") {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
  }
  const ps = promisify(execFile)("ps", ["-ww", "-o", "args=", "-p", String(pid)]);
  return ps.then(({ stdout }) => stdout).catch(() => "");
}

/** The first line of the answer to one inline command; undefined where nobody answers. */
async function askSocket(socket: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const connection = connect(socket);
    const end = (answer: string | undefined): void => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(ANSWER_MS, () => end(undefined));
    connection.on("error", () => end(undefined));
    connection.on("close", () => end(undefined));
    connection.on("connect", () => connection.write(`${command}\r\n`));
    connection.on("data", (chunk) => {
      text += chunk.toString();
      if (text.includes("\r\n")) end(text);
    });
  });
}
