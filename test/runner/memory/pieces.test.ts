import { expect, it } from "vitest";
import { cutPieces } from "../../../runner/memory/pieces.ts";
import * as fc from "../../property.ts";

it("cuts any text into pieces that are never longer than asked, and loses no word", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 400 }), fc.integer({ min: 4, max: 60 }), (text, length) => {
      const pieces = cutPieces(text, length);
      expect(pieces.every((piece) => piece.length <= length && piece !== "")).toBe(true);
      expect(pieces.join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
    }),
  );
});

it("prefers to cut between paragraphs, then sentences, then words", () => {
  expect(cutPieces("one two.\n\nthree four. five", 14)).toEqual(["one two.", "three four.", "five"]);
});
