// Saved plans: whole or not at all, private, and refused when a byte of them was changed.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseStateKey } from "../../../contracts/state-key.ts";
import { isSavedPlan, readSavedPlan, writeSavedPlan } from "../../../reconciler/plan/saved-plan.ts";
import { manifest, observed, plan, problem, source } from "./builders.ts";

const made = plan({
  source: source(
    [manifest("Secret", "s", { string_data: { key: "hunter2" } }), manifest("Agent", "a", { model_ref: "n" })],
    [problem({ severity: "warning" })],
  ),
  observed: observed([manifest("Agent", "a", { model_ref: "m" }), manifest("Agent", "gone")]),
});

describe("a saved plan", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "cw-plan-"));
    file = join(folder, "plan.json");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("comes back as it was, is its owner's alone and holds no secret", async () => {
    await writeSavedPlan(file, made);
    expect(await readSavedPlan(file)).toEqual(JSON.parse(JSON.stringify(made)));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["plan.json"]);
    const text = await readFile(file, "utf8");
    expect(text).not.toContain("hunter2");
    expect(isSavedPlan(text)).toBe(true);
    expect(isSavedPlan('{"kind":"Agent"}')).toBe(false);
  });

  it("is sealed where there is a state key: whoever lengthens its life or writes one of their own is refused", async () => {
    const key = parseStateKey("k".repeat(32));
    await writeSavedPlan(file, made, key);
    const sealed = await readFile(file, "utf8");
    expect(await readSavedPlan(file, key)).toEqual(JSON.parse(JSON.stringify(made)));
    await writeFile(file, sealed.replace(made.expiresAt, "2099-01-01T00:00:00.000Z"));
    await expect(readSavedPlan(file, key)).rejects.toMatchObject({ code: "PLAN_ALTERED" });
    await writeFile(file, sealed);
    await expect(readSavedPlan(file, parseStateKey("j".repeat(32)))).rejects.toMatchObject({ code: "PLAN_UNSEALED" });
    await writeSavedPlan(file, made);
    await expect(readSavedPlan(file, key)).rejects.toMatchObject({ code: "PLAN_UNSEALED" });
  });

  it("replaces an older one", async () => {
    await writeFile(file, "old", { mode: 0o644 });
    await writeSavedPlan(file, made);
    expect((await readSavedPlan(file)).planId).toBe(made.planId);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ["a value", (text: string) => text.replace('"model_ref": "n"', '"model_ref": "evil"'), "PLAN_ALTERED"],
    ["an action", (text: string) => text.replace('"action": "prune"', '"action": "create"'), "PLAN_ALTERED"],
    [
      "its digest",
      (text: string) => text.replace(/"digest": "sha256:[0-9a-f]{4}/, '"digest": "sha256:0000'),
      "PLAN_ALTERED",
    ],
    ["its shape", (text: string) => text.replace('"changes": [', '"changes": ["x",'), "PLAN_UNREADABLE"],
    ["its version", (text: string) => text.replace('"formatVersion": "1"', '"formatVersion": "2"'), "PLAN_FORMAT"],
    ["its end", (text: string) => text.slice(0, -200), "PLAN_UNREADABLE"],
  ])("is refused when %s was changed", async (_what, change, code) => {
    await writeSavedPlan(file, made);
    const text = await readFile(file, "utf8");
    expect(change(text)).not.toBe(text);
    await writeFile(file, change(text));
    await expect(readSavedPlan(file)).rejects.toMatchObject({ name: "PermanentFailure", code });
  });

  it("leaves nothing behind where it cannot be written", async () => {
    await expect(writeSavedPlan(join(folder, "no", "plan.json"), made)).rejects.toMatchObject({
      code: "PLAN_NOT_SAVED",
    });
    expect(await readdir(folder)).toEqual([]);
  });
});
