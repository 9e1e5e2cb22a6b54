// Tools that verify each other in a circle: told once, with the path.
import { expect, it } from "vitest";
import { load, told } from "./files.ts";

const tool = (name: string, verify?: string) =>
  `kind: Tool\nmetadata: {name: ${name}}\nspec: {endpoint: "https://example.test/${name}"${verify === undefined ? "" : `, verify: ${verify}`}}\n`;

it("prints the path of a circle, once, and only for those who are in it", async () => {
  const result = await load(tool("b", "c"), tool("a", "b"), tool("c", "a"), tool("outside", "a"));
  expect(told(result).filter((line) => line.includes("CYCLE"))).toEqual([
    expect.stringMatching(
      /^error CYCLE 3:\d+ Tools verify .*: `Tool\/default\/a` → `Tool\/default\/b` → `Tool\/default\/c` → `Tool\/default\/a`$/,
    ),
  ]);
});

it("knows a Tool that verifies itself, and lets chains be", async () => {
  expect(told(await load(tool("a", "a")))).toMatchObject([expect.stringContaining("CYCLE")]);
  expect(told(await load(tool("a", "b"), tool("b", "c"), tool("c")))).toEqual([]);
});
