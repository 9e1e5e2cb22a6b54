// The examples: each is valid without a remark, and says in its README only commands that exist.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { createLoader } from "../reconciler/load/load-files.ts";
import { KIT } from "./reading-kit.ts";
import { folderFiles, told } from "./reconciler/load/files.ts";

const ROOT = fileURLToPath(new URL("../examples", import.meta.url));

describe.each(readdirSync(ROOT))("%s", (name) => {
  it("validates without an error and without a warning", async () => {
    const result = await createLoader({}, KIT).load(folderFiles(`${ROOT}/${name}`));
    expect(told(result)).toEqual([]);
    expect(result.set.manifests.length).toBe(result.manifestCount);
  });

  it("has a README of a few lines that names a task of its own", async () => {
    const readme = readFileSync(`${ROOT}/${name}/README.md`, "utf8");
    const result = await createLoader({}, KIT).load(folderFiles(`${ROOT}/${name}`));
    const tasks = result.set.manifests
      .filter(({ manifest }) => manifest.kind === "Task")
      .map(({ manifest }) => manifest.metadata.name);
    expect(readme.trim().split("\n").length).toBeLessThanOrEqual(10);
    for (const [, task] of readme.matchAll(/countwheel trace (\S+)/g)) expect(tasks).toContain(task);
  });
});
