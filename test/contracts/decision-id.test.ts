import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { decisionIdOf, mayBeOf } from "../../contracts/decision-id.ts";

const task = (name: string) => ({ env: "default", namespace: "default", name });

it("says of which task a decision may be, and keeps the form of a UUID", () => {
  const id = decisionIdOf(task("weekly"), randomUUID());
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([mayBeOf(task("weekly"), id), mayBeOf(task("daily"), id)]).toEqual([true, false]);
  expect(decisionIdOf(task("weekly"), randomUUID())).not.toBe(id);
});
