// Every code of a model's failure that the runner throws is explained.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { MODEL_FAILURE_HELP } from "../../../cli/view/model-failure-help.ts";

it("knows the codes that the runner throws, and no others", () => {
  const runner = join(import.meta.dirname, "../../../runner");
  const texts = readdirSync(runner, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8"));
  const thrown = texts.flatMap((text) => text.match(/"(MODEL|OUTPUT)_[A-Z]+(_[A-Z]+)*"/g) ?? []);
  const codes = new Set(thrown.map((code) => code.slice(1, -1)).filter((code) => code !== "MODEL_NOT_ALLOWED"));
  expect([...codes].toSorted()).toEqual(Object.keys(MODEL_FAILURE_HELP).toSorted());
});
