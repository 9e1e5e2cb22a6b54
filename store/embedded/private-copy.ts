// A redis-server of our own on Debian and Ubuntu: downloaded with apt, unpacked into the user's cache, never installed.
// Needs no root and touches nothing of the system. Once per user: about 1.5 MB and 5 seconds.
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface AptRequest {
  readonly path: string;
  readonly userHome: string | undefined;
  /** XDG_CACHE_HOME, where it is set. */
  readonly cacheHome?: string | undefined;
  /** Variables that a download may need, such as http_proxy. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface PrivateCopy {
  readonly file: string;
  /** With the library path that its own libraries need. */
  readonly variables: Readonly<Record<string, string>>;
}

type Works = (file: string, variables: Readonly<Record<string, string>>) => Promise<boolean>;

const DOWNLOAD_TIMEOUT_MS = 120_000;

/** undefined where there is no apt, no network, or nothing in apt that works. */
export async function fetchPrivateCopy(request: AptRequest, works: Works): Promise<PrivateCopy | undefined> {
  const cache = request.cacheHome ?? (request.userHome === undefined ? undefined : join(request.userHome, ".cache"));
  if (process.platform !== "linux" || cache === undefined) return undefined;
  const folder = join(cache, "countwheel", "redis");
  const root = join(folder, "root");
  const present = await readCopy(root, request.path);
  if (present !== undefined && (await works(present.file, present.variables))) return present;
  try {
    await download(request, folder, root);
  } catch {
    return undefined; // No apt, no network, a full disk: the next way is tried, and the last one says what to do.
  }
  const copy = await readCopy(root, request.path);
  return copy !== undefined && (await works(copy.file, copy.variables)) ? copy : undefined;
}

async function readCopy(root: string, path: string): Promise<PrivateCopy | undefined> {
  const file = join(root, "usr", "bin", "redis-server");
  if (
    !(await access(file, constants.X_OK).then(
      () => true,
      () => false,
    ))
  )
    return undefined;
  const libraries = (await Promise.all([join(root, "usr", "lib"), join(root, "lib")].map(libraryFolders))).flat();
  return { file, variables: { PATH: path, LD_LIBRARY_PATH: libraries.join(":") } };
}

/** `usr/lib` itself and its folders for one architecture. */
async function libraryFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const inner = entries.filter((entry) => entry.isDirectory() && entry.name.includes("-linux-"));
  return [folder, ...inner.map((entry) => join(folder, entry.name))];
}

/** Into a folder of its own, renamed at the end: another command that does the same does no harm. */
async function download(request: AptRequest, folder: string, root: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(folder, "fetch-"));
  try {
    for (const name of ["lists/partial", "cache/archives/partial", "debs", "root"]) {
      await mkdir(join(work, name), { recursive: true });
    }
    const run = runner(request, work);
    // A hook of the system that needs root may fail after the lists have arrived: the download tells whether it worked.
    await run("apt-get", ["-q", "update"]).catch(() => "");
    await run("apt-get", ["-q", "download", ...(await wantedPackages(run))]);
    for (const file of await readdir(join(work, "debs"))) await run("dpkg", ["-x", file, join(work, "root")]);
    await rm(root, { recursive: true, force: true });
    await rename(join(work, "root"), root);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Run = (program: string, args: readonly string[]) => Promise<string>;

function runner({ path, variables }: AptRequest, work: string): Run {
  const options = [
    ["Dir::State::Lists", join(work, "lists")],
    ["Dir::Cache", join(work, "cache")],
    ["Debug::NoLocking", "1"],
    // As root, apt would download as its own user, who may not enter this folder.
    ...(userInfo().uid === 0 ? [["APT::Sandbox::User", "root"]] : []),
  ].flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  return async (program, args) => {
    const all = program.startsWith("apt") ? [...options, ...args] : [...args];
    const { stdout } = await promisify(execFile)(program, all, {
      cwd: join(work, "debs"),
      env: { ...variables, PATH: path, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
      timeout: DOWNLOAD_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  };
}

/** redis-server and, of everything that it needs, the programs and libraries that this system does not have. */
async function wantedPackages(run: Run): Promise<string[]> {
  const kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const needed = await run("apt-cache", ["depends", "--recurse", ...kinds, "redis-server"]);
  const installed = await run("dpkg-query", ["-W", "-f", "${Status} ${Package}\n"]);
  const present = new Set(
    installed.split("\n").flatMap((line) => /^install ok installed (\S+)$/.exec(line)?.slice(1) ?? []),
  );
  const names = needed.split("\n").filter((line) => /^(redis-|lib|lua-)[a-z0-9.+-]*$/.test(line));
  return [...new Set(names)].filter((name) => !present.has(name));
}
