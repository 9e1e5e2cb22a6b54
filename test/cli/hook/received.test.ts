import { expect, it } from "vitest";
import { confirmedFor, parsePushOptions, parseUpdates, pushAgain } from "../../../cli/hook/received.ts";

const A = "a".repeat(40);
const NONE = "0".repeat(40);

it("reads which refs are to be made, moved and deleted", () => {
  const text = `${NONE} ${A} refs/heads/new\n${A} ${"b".repeat(40)} refs/heads/main\n${A} ${NONE} refs/tags/v1\n`;
  expect(parseUpdates(text)).toEqual([
    { before: null, after: A, ref: "refs/heads/new" },
    { before: A, after: "b".repeat(40), ref: "refs/heads/main" },
    { before: A, after: null, ref: "refs/tags/v1" },
  ]);
});

it("reads repositories of SHA-256, and names in any characters", () => {
  const id = "c".repeat(64);
  expect(parseUpdates(`${id} ${"0".repeat(64)} refs/heads/ü'"$(x)\u2028y\n`)).toEqual([
    { before: id, after: null, ref: "refs/heads/ü'\"$(x)\u2028y" },
  ]);
});

it("refuses a line that names no ref", () => {
  expect(() => parseUpdates("main\n")).toThrow("names no ref to move");
});

it("keeps a number for each environment, and one for all others", () => {
  const words = parsePushOptions(["confirm-prunes=3", "confirm-prunes=production:12"]);
  expect([confirmedFor(words, "production"), confirmedFor(words, "staging")]).toEqual([12, 3]);
  expect(confirmedFor(parsePushOptions([]), "staging")).toBeNull();
});

it.each(["confirm-prunes", "confirm-prunes=", "confirm-prunes=-1", "confirm-prunes=1e3", "confirm-prunes=a b:1"])(
  "refuses %s",
  (option) => expect(() => parsePushOptions([option])).toThrow("is no whole number"),
);

it("takes the two histories by their names alone", () => {
  expect(parsePushOptions(["allow-history=forced"]).allowHistory).toEqual(["forced"]);
  expect(() => parsePushOptions(["allow-history=first"])).toThrow("neither `forced` nor `unrelated`");
});

it("shows of a hostile option nothing that a terminal would obey, and not all of it", () => {
  const option = `\u001b[2J${"x".repeat(60_000)}`;
  const [name = ""] = parsePushOptions([option]).others;
  expect(name).toMatch(/^\\u\{1b\}\[2Jx+…$/);
  expect(name.length).toBeLessThan(100);
});

it("says again what was said, and one word more", () => {
  const words = parsePushOptions(["allow-history=forced", "ci.skip"]);
  expect(pushAgain(words, "confirm-prunes=2")).toBe("git push --force -o allow-history=forced -o confirm-prunes=2");
  expect(pushAgain(parsePushOptions([]))).toBe("git push");
});
