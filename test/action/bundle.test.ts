// The committed bundle is what GitHub runs: it must be what the sources make, and know the inputs that action.yml names.
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { INPUT_NAMES } from "../../cli/action/inputs.ts";
import { planOutputs } from "../../cli/action/outcome.ts";
import { planOf } from "../reconciler/report/builders.ts";
import { BUNDLE } from "./action-run.ts";

const root = join(import.meta.dirname, "../..");

describe("the Action's bundle", () => {
  it("is up to date: npm run build:action", async () => {
    const folder = await mkdtemp(join(tmpdir(), "countwheel-bundle-"));
    try {
      const out = join(folder, "index.mjs");
      execFileSync(process.execPath, [join(root, ".github/action/build.mjs"), "--out", out]);
      const [made, committed] = [await readFile(out), await readFile(BUNDLE)];
      expect(made.equals(committed), "the committed bundle differs from the sources").toBe(true);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("action.yml", () => {
  it("names the inputs that are read, the outputs that are set, and the bundle", async () => {
    const action = parse(await readFile(join(root, "action.yml"), "utf8")) as {
      readonly inputs: Record<string, { readonly description: string }>;
      readonly outputs: Record<string, { readonly description: string }>;
      readonly runs: Record<string, string>;
    };
    expect(Object.keys(action.inputs)).toEqual([...INPUT_NAMES]);
    const set = [
      ...Object.keys(planOutputs(planOf([]))),
      "plan-path",
      "comment-id",
      "check-id",
      "serial",
      "drift",
      "issue-number",
    ];
    expect(Object.keys(action.outputs).toSorted()).toEqual(set.toSorted());
    expect(action.runs).toEqual({ using: "node24", main: ".github/action/index.mjs" });
  });
});
