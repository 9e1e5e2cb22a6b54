// The reservation lies above what tokenizers make of a request. The counts beside the texts were measured: the higher one
// of the tokenizers of GPT-4 (cl100k_base) and GPT-4o (o200k_base).
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { estimateTokens } from "../../../runner/gate/estimate.ts";
import { request, SEARCH } from "../models/requests.ts";

const NOTHING = { system: "", maxOutputTokens: 0 };
const digests = (form: "hex" | "base64"): string =>
  Array.from({ length: 20 }, (_, index) => createHash("sha256").update(String(index)).digest(form)).join(" ");

it.each([
  ["English", "The count wheel holds the whole train until the next blow is allowed. ".repeat(20), 281],
  ["German", "Das Schlagwerk zählt die Stunden, und niemand hört ihm dabei zu. ".repeat(20), 361],
  ["Chinese", "时钟敲响了十二下。".repeat(20), 220],
  ["Russian", "Часы пробили двенадцать раз. ".repeat(20), 300],
  ["Hindi", "घड़ी बारह बजे बजी। ".repeat(20), 481],
  ["emoji", "🕰️🔔🔕".repeat(20), 200],
  ["hashes", digests("hex"), 752],
  ["encoded data", digests("base64"), 654],
  ["dense JSON", JSON.stringify({ a: [1, 2, 3], b: { c: true, d: null, e: [{}, []] } }).repeat(20), 500],
  ["dates", "2026-11-29T15:13:40.123Z ".repeat(20), 320],
])("is above what %s comes to, and below four times that", (_name, text, tokens) => {
  const estimate = estimateTokens(request("", { ...NOTHING, system: text, messages: [] }));
  expect(estimate).toBeGreaterThanOrEqual(tokens);
  expect(estimate).toBeLessThan(4 * tokens);
});

it("counts everything that is sent, what the provider adds for tools, and the longest answer", () => {
  const plain = estimateTokens(request("find", NOTHING));
  expect(estimateTokens(request("find", { ...NOTHING, maxOutputTokens: 500 }))).toBe(plain + 500);
  expect(estimateTokens(request("find", NOTHING), 600)).toBe(plain);
  const withTool = estimateTokens(request("find", { ...NOTHING, tools: [SEARCH] }));
  expect(withTool).toBeGreaterThan(plain + 20);
  expect(estimateTokens(request("find", { ...NOTHING, tools: [SEARCH] }), 600)).toBe(withTool + 600);
  expect(estimateTokens(request("find", { ...NOTHING, outputSchema: SEARCH.inputSchema }))).toBeGreaterThan(plain + 10);
});
