// The bubblewrap that tests of the sandbox use: the machine's own, or a copy that apt brings into the user's cache.
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { describe } from "vitest";
import { Sandbox } from "../runner/processes/sandbox.ts";
import { fetchPackages } from "./debian-packages.ts";

const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "countwheel", "bwrap");
const PROGRAMS = join(CACHE, "root", "usr", "bin");
const OWN = process.env["PATH"] ?? "";

/** A PATH with it; undefined: this machine has none, cannot get one, or does not let anybody make namespaces. */
export const SANDBOX_PATH = await findPath();

/** Skips its tests, and says so, where nothing can be sandboxed. */
export const describeWithSandbox =
  SANDBOX_PATH === undefined
    ? (name: string, tests: () => void): unknown => describe.skip(`${name} (no bubblewrap that works here)`, tests)
    : describe;

async function findPath(): Promise<string | undefined> {
  if (await works(OWN)) return OWN;
  const path = [PROGRAMS, OWN].join(delimiter);
  if (!(await isThere(join(PROGRAMS, "bwrap")))) await fetchPackages(CACHE, ["bubblewrap"]).catch(() => undefined);
  return (await works(path)) ? path : undefined;
}

async function works(path: string): Promise<boolean> {
  const limits = { memoryBytes: 2 ** 30, processes: 16, cpuSeconds: 5, diskBytes: 2 ** 20 };
  const command = { command: "/bin/true", args: [], cwd: "/", env: {} };
  return new Sandbox(path).wrap(command, undefined, { limits, hasNetwork: false }).then(
    () => true,
    () => false,
  );
}

function isThere(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
