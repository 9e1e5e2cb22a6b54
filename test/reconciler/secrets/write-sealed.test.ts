// A sealed value comes into a manifest file without anything else in it being touched, and takes the plain one away.
import { expect, it } from "vitest";
import { writeSealed } from "../../../reconciler/secrets/write-sealed.ts";
import { BY_AGE } from "../../sealed.ts";

const PLACE = { namespace: "default", name: "db", key: "password" };
const indented = BY_AGE.trimEnd().replaceAll("\n", "\n      ");

it("is written beside what is there; comments and layout stay", () => {
  const text = `# before
kind: Tool
metadata: {name: t}
spec: {endpoint: http://x}   # a tool
---
kind: Secret
metadata: {name: db}   # of the orders
spec:
  # where it is
  from: {user: {env: DB_USER}}
`;
  expect(writeSealed(text, PLACE, BY_AGE)).toEqual({
    outcome: "written",
    removed: [],
    text: `${text}  sealed:\n    password: |\n      ${indented}\n`,
  });
});

it.each([
  ["alone", "  stringData:\n    password: hunter2   # old\n", ""],
  ["beside another", "  string_data:\n    user: ada\n    password: hunter2\n", "  string_data:\n    user: ada\n"],
])("takes the place of a plain value that stood there %s", (_how, before, after) => {
  const head = "kind: Secret\nmetadata: {name: db}\nspec:\n  from: {user: {env: DB_USER}}\n";
  expect(writeSealed(head + before, PLACE, BY_AGE)).toEqual({
    outcome: "written",
    removed: ["string_data"],
    text: `${head}${after}  sealed:\n    password: |\n      ${indented}\n`,
  });
});

it("takes the place of the one that was sealed before", () => {
  const text =
    "kind: Secret\nmetadata: {name: db}\nspec:\n  sealed:\n    password: old   # rotate in May\n    other: kept\n";
  const answer = writeSealed(text, PLACE, BY_AGE);
  expect(answer).toMatchObject({ outcome: "written", text: expect.stringContaining("    other: kept\n") });
  expect(answer).toMatchObject({ text: expect.not.stringContaining("password: old") });
});

it("makes a Secret of its own where the file has none of that name", () => {
  expect(writeSealed("", PLACE, BY_AGE)).toMatchObject({
    text: expect.stringMatching(
      /^apiVersion: countwheel.dev\/v1\nkind: Secret\nmetadata:\n {2}name: db\nspec:\n {2}sealed:\n/,
    ),
  });
  const other = "kind: Secret\nmetadata: {name: other}\nspec: {sealed: {}}";
  expect(writeSealed(other, PLACE, BY_AGE)).toMatchObject({
    text: expect.stringContaining(`${other}\n---\napiVersion:`),
  });
});

it("is not written where `from` goes before it, or where nobody can tell what the file means", () => {
  const shadowed = "kind: Secret\nmetadata: {name: db}\nspec:\n  from: {password: {env: X}}\n";
  expect(writeSealed(shadowed, PLACE, BY_AGE)).toEqual({ outcome: "shadowed" });
  expect(writeSealed("kind: Secret\nmetadata: {name: db\n", PLACE, BY_AGE)).toEqual({ outcome: "not-editable" });
});
