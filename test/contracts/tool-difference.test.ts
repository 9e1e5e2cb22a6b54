// What is different about two definitions of a tool, for people who have to trust the second.
import { expect, it } from "vitest";
import { differenceOfTools, type ToolText } from "../../contracts/tool-difference.ts";

const tool = (more: Partial<ToolText> = {}): ToolText => ({
  name: "files--read",
  description: "Reads a file",
  inputSchema: {
    type: "object",
    properties: { path: { type: "string" }, mode: { type: "string", enum: ["text", "bytes"] } },
    required: ["path"],
  },
  annotations: { readOnlyHint: true },
  ...more,
});

it.each<[string, Partial<ToolText>, string[]]>([
  ["nothing, where nothing is", {}, []],
  ["words", { description: "Reads it" }, ['- description: "Reads a file"', '+ description: "Reads it"']],
  [
    "fields that are new, gone or of another type, whatever their order",
    {
      inputSchema: {
        required: ["to", "path"],
        properties: {
          to: { type: "string" },
          path: { type: ["string", "null"] },
          mode: { enum: ["bytes"], type: "string" },
        },
        type: "object",
      },
    },
    [
      '- input.properties.mode.enum has "text": yes',
      '- input.properties.path.type: "string"',
      '+ input.properties.path.type has "null": yes',
      '+ input.properties.path.type has "string": yes',
      '+ input.properties.to.type: "string"',
      '+ input.required has "to": yes',
    ],
  ],
  ["what it promises", { annotations: {} }, ["- annotations.readOnlyHint: true"]],
])("tells %s", (_, change, lines) => {
  expect(differenceOfTools(tool(), tool(change))).toEqual(lines);
});

it("stays short, however much is different", () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`f${index}`, { type: "string" }]));
  const lines = differenceOfTools(tool(), tool({ description: "x".repeat(10_000), inputSchema: { properties: many } }));
  expect(lines).toHaveLength(41);
  expect(lines.at(-1)).toMatch(/^… and \d+ lines more$/);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(400);
});
