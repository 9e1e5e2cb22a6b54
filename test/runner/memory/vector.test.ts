import { expect, it } from "vitest";
import { cosineOf, packVector, readVector, vectorText } from "../../../runner/memory/vector.ts";
import * as fc from "../../property.ts";

const numbers = (length: number) =>
  fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: length, maxLength: length });

function exact(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, one, at) => sum + one * (y[at] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

it("tells how near two vectors are within two hundredths, whatever their lengths, also after it was kept as text", () => {
  fc.assert(
    fc.property(numbers(64), numbers(64), fc.double({ min: 0.01, max: 100, noNaN: true }), (a, b, scale) => {
      fc.pre([a, b].every((one) => one.some((value) => value !== 0)));
      const kept = readVector(vectorText(packVector(a.map((value) => value * scale))));
      expect(Math.abs(cosineOf(kept, packVector(b)) - exact(a, b))).toBeLessThan(0.02);
    }),
  );
});

it("knows no direction of nothing", () => {
  expect(cosineOf(packVector([0, 0]), packVector([1, 0]))).toBe(0);
});
