// Every pack passes the tests that come with it, and fails them without its policy: they can tell the difference.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type LoadResult } from "../../reconciler/load/desired-set.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { KIT } from "../reading-kit.ts";
import { folderFiles } from "../reconciler/load/files.ts";

const FOLDER = join(import.meta.dirname, "../../policies/packs");
const files = folderFiles(FOLDER);
const names = readdirSync(FOLDER).filter((file) => file.endsWith(".yaml") && !file.endsWith(".tests.yaml"));

describe.each(names)("the pack %s", (policy) => {
  const tests = policy.replace(".yaml", ".tests.yaml");
  const load = (...wanted: readonly string[]): Promise<LoadResult> =>
    createLoader({}, KIT).load(files.filter(({ path }) => wanted.some((name) => path.endsWith(`/${name}`))));

  it("begins with a paragraph, and passes its tests", async () => {
    const { problems, manifestCount } = await load(policy, tests);
    // Which of your tools return and send what, only you can say: until then a rule on labels never holds, and is told.
    expect(problems.filter(({ summary }) => !summary.includes("names the label"))).toEqual([]);
    expect(manifestCount).toBe(2);
    const text = new TextDecoder().decode(files.find(({ path }) => path.endsWith(`/${policy}`))?.bytes);
    expect(text).toMatch(/^# [A-Z]/);
  });

  it("is what makes its tests pass", async () => {
    expect((await load(tests)).problems.map(({ code }) => code)).toContain("POLICY_TEST");
  });
});
