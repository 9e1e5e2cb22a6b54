// Tool names there and back for any names, and what calls cost.

import { describe, expect, test } from "vitest";
import { costUsd, openPrices } from "../../../runner/models/price.ts";
import { mapToolNames } from "../../../runner/models/tool-names.ts";
import * as fc from "../../property.ts";

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

describe("a price", () => {
  const AT = new Date("2026-11-01T12:00:00Z");
  const used = { inputTokens: 1_000_000, outputTokens: 500_000, model: "" };
  const cost = async (
    spec: Partial<Parameters<typeof openPrices>[0]>,
    more: Partial<Parameters<typeof costUsd>[1]> = {},
  ) => costUsd((await openPrices({ default_model: "m", ...spec }))(AT), { ...used, ...more });

  test("that nobody knows is null and never zero; the mock is free", async () => {
    expect(await cost({ provider: "anthropic" })).toBeNull();
    expect(await cost({ provider: "ollama", default_model: "llama3" })).toBeNull();
    expect(
      await cost({ provider: "openai-compatible", base_url: "http://10.0.0.1/v1", default_model: "gpt-4o" }),
    ).toBeNull();
    expect(await cost({ provider: "mock" })).toBe(0);
  });

  test("of the manifest wins, for cached input, too", async () => {
    const price = { input_per_mtok: 3, output_per_mtok: 15 };
    const cached = { cacheReadTokens: 500_000, cacheWriteTokens: 100_000 };
    expect(await cost({ provider: "anthropic", price })).toBe(10.5);
    expect(await cost({ provider: "openai", default_model: "gpt-4o", price }, cached)).toBe(10.5);
    const own = { ...price, cache_read_per_mtok: 0.3, cache_write_per_mtok: 3.75 };
    expect(await cost({ price: own }, cached)).toBeCloseTo(0.4 * 3 + 0.15 + 0.375 + 7.5, 9);
  });

  test("comes from the table by the model that answered, and by the one that was asked", async () => {
    const model = "gpt-4o-2024-08-06";
    expect(await cost({ provider: "openai", default_model: "gpt-4o" }, { model })).toBeCloseTo(2.5 + 5, 9);
    expect(await cost({ default_model: "gpt-4o" }, { model: "unheard-of" })).toBeCloseTo(2.5 + 5, 9);
    expect(await cost({ provider: "azure-openai", default_model: "our-deployment" }, { model })).toBeCloseTo(7.5, 9);
    const { cost: groq, plain } = {
      cost: await cost({
        provider: "openai-compatible",
        base_url: "https://api.groq.com/openai/v1",
        default_model: "llama-3.1-8b-instant",
      }),
      plain: await cost({ provider: "openai-compatible", default_model: "llama-3.1-8b-instant" }),
    };
    expect([typeof groq, plain]).toEqual(["number", null]);
  });

  test("of input from a cache is less, and of input that went into one is more", async () => {
    const of = (more: object) =>
      cost({ provider: "anthropic", default_model: "claude-opus-4-1" }, { outputTokens: 0, ...more });
    expect(await of({})).toBeCloseTo(15, 9);
    expect(await of({ cacheReadTokens: 1_000_000 })).toBeCloseTo(1.5, 9);
    expect(await of({ cacheWriteTokens: 1_000_000 })).toBeCloseTo(18.75, 9);
  });
});
