// Tool names there and back for any names, and what calls cost.
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { costUsd, priceOf } from "../../../runner/models/price.ts";
import { mapToolNames } from "../../../runner/models/tool-names.ts";

test("every name comes back, and every mapped name is one that providers allow", () => {
  const names = fc.uniqueArray(
    fc.string({ unit: fc.constantFrom("a", "_", ".", "-", "/", "ü"), minLength: 1, maxLength: 80 }),
  );
  fc.assert(
    fc.property(names, (all) => {
      const mapped = mapToolNames(all);
      const provided = all.map((name) => mapped.toProvider(name));
      expect(new Set(provided).size).toBe(all.length);
      for (const name of provided) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
      expect(provided.map((name) => mapped.fromProvider(name))).toEqual(all);
    }),
  );
});

test("a name that is allowed keeps its form when another one would take it", () => {
  const names = mapToolNames(["a.b", "a_b"]);
  expect(names.toProvider("a_b")).toBe("a_b");
  expect(names.toProvider("a.b")).toMatch(/^a_b_[0-9a-f]{10}$/);
});

test("an unknown price is null and never zero; the mock is free", () => {
  const used = { inputTokens: 1_000_000, outputTokens: 500_000 };
  const cost = (spec: Parameters<typeof priceOf>[0]) => costUsd(priceOf(spec), used);
  expect(cost({ provider: "anthropic" })).toBeNull();
  expect(cost({ provider: "mock" })).toBe(0);
  expect(cost({ provider: "anthropic", price: { input_per_mtok: 3, output_per_mtok: 15 } })).toBe(10.5);
});
