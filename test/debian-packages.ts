// Packages of Debian that tests need and a machine may lack, taken apart into a folder: nothing of the system is touched.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * They are put below `root` of a new folder, which `settle` may add to, and which then becomes `cache`. Two that do it at
 * once do no harm.
 */
export async function fetchPackages(
  cache: string,
  packages: readonly string[],
  settle: (work: string) => Promise<void> = async () => undefined,
): Promise<void> {
  await mkdir(join(cache, ".."), { recursive: true });
  const work = await mkdtemp(`${cache}-`);
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
    await run("apt-get", [...options, "-q", "download", ...packages], how);
    for (const file of (await readdir(work)).filter((name) => name.endsWith(".deb"))) {
      await run("dpkg", ["-x", file, join(work, "root")], how);
      await rm(join(work, file));
    }
    for (const name of ["lists", "cache"]) await rm(join(work, name), { recursive: true });
    await settle(work);
    await rename(work, cache);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
