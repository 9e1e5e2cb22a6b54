// docs/security.md names a test for each input: each file is there, and holds a test of that name.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
/** A file, and what is named of it until the next one. */
const NAMED = /`(test\/[^`]+\.ts)`: (.+?)(?= · `test\/|$)/g;

it("names no test that is not there", async () => {
  const text = await readFile(join(ROOT, "docs/security.md"), "utf8");
  const rows = text.split("\n").filter((line) => /^\| (?!input|-)/.test(line));
  const missing: string[] = [];
  for (const row of rows) {
    const named = [...(row.split(" | ").at(-1) ?? "").replace(/ \|$/, "").matchAll(NAMED)];
    if (named.length === 0) missing.push(`no test: ${row}`);
    for (const [, file = "", names = ""] of named) {
      const source = await readFile(join(ROOT, file), "utf8").catch(() => "");
      missing.push(
        ...names
          .split(" · ")
          .filter((name) => !source.includes(name))
          .map((name) => `${file}: ${name}`),
      );
    }
  }
  expect(missing).toEqual([]);
  expect(rows.length).toBeGreaterThan(40);
});
