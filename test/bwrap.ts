// The bubblewrap that tests of the sandbox use: the machine's own, or a copy that apt brings into the user's cache.
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";
import { Sandbox } from "../runner/processes/sandbox.ts";

const run = promisify(execFile);
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "countwheel", "bubblewrap");
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
  const path = [join(CACHE, "usr", "bin"), OWN].join(delimiter);
  if (!(await isThere(join(CACHE, "usr", "bin", "bwrap")))) await fetch().catch(() => undefined);
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

/** As the embedded Redis is brought: nothing of the system is touched. Two that do it at once do no harm. */
async function fetch(): Promise<void> {
  await mkdir(join(CACHE, ".."), { recursive: true });
  const work = await mkdtemp(`${CACHE}-`);
  try {
    for (const name of ["lists/partial", "cache/archives/partial", "root"])
      await mkdir(join(work, name), { recursive: true });
    const places = [
      `Dir::State::Lists=${work}/lists`,
      `Dir::Cache=${work}/cache`,
      "Debug::NoLocking=1",
      "APT::Sandbox::User=root",
    ];
    const options = places.flatMap((place) => ["-o", place]);
    const how = { cwd: work, timeout: 120_000 };
    await run("apt-get", [...options, "-q", "update"], how).catch(() => undefined);
    await run("apt-get", [...options, "-q", "download", "bubblewrap"], how);
    const [file = ""] = (await readdir(work)).filter((name) => name.endsWith(".deb"));
    await run("dpkg", ["-x", file, join(work, "root")], how);
    await rename(join(work, "root"), CACHE);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
