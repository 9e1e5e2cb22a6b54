// The order of side effects: what is referred to comes first.
import { expect, it } from "vitest";
import { inOrder } from "../../../reconciler/plan/order.ts";
import { manifest } from "./builders.ts";

it("puts targets before what refers to them, and depends on no order of its input", () => {
  const items = [
    manifest("Agent", "a", { model_ref: "m", tools: ["srv--look"] }),
    manifest("AgentSystem", "s", { agents: ["a"] }),
    manifest("McpServer", "srv", { env: [{ name: "K", secret_ref: "key:value" }] }),
    manifest("ModelEndpoint", "m"),
    manifest("Secret", "key"),
    manifest("Task", "t", { system: "s" }),
  ];
  const expected = ["key", "srv", "m", "a", "s", "t"];
  expect(inOrder(items).map(({ manifest: { metadata } }) => metadata.name)).toEqual(expected);
  expect(inOrder(items.toReversed()).map(({ manifest: { metadata } }) => metadata.name)).toEqual(expected);
});

it("ends on a cycle of Tools that verify each other", () => {
  const items = [manifest("Tool", "a", { verify: "b" }), manifest("Tool", "b", { verify: "a" })];
  expect(inOrder(items).map(({ manifest: { metadata } }) => metadata.name)).toEqual(["b", "a"]);
});
