// What a form is answered with where nobody sits: what it offers by itself, or nothing.
import { expect, test } from "vitest";
import { answerForm } from "../../../runner/mcp/form.ts";

const form = (properties: object, required: unknown = []) => ({ type: "object", properties, required });

test("is answered with each default that it has", () => {
  const properties = {
    name: { type: "string", default: "John" },
    nick: { type: "string" },
    age: { type: "integer", default: 30 },
    score: { type: "number", default: 9.5 },
    isSure: { type: "boolean", default: false },
    size: { type: "string", enum: ["s", "m"], default: "m" },
    hero: { type: "string", oneOf: [{ const: "h1", title: "One" }], default: "h1" },
    fish: { type: "array", items: { anyOf: [{ const: "f1", title: "Tuna" }] }, default: ["f1"] },
    days: { type: "array", items: { type: "string", enum: ["mo", "tu"] }, default: [] },
  };
  expect(answerForm(form(properties, ["name", "isSure"]))).toEqual({
    action: "accept",
    content: {
      name: "John",
      age: 30,
      score: 9.5,
      isSure: false,
      size: "m",
      hero: "h1",
      fish: ["f1"],
      days: [],
    },
  });
});

test.each([
  [
    "what it requires has no default",
    form({ a: { type: "string", default: "x" }, b: {} }, ["a", "b"]),
    "`b` is required and has no default",
  ],
  [
    "it requires a field that it does not have",
    form({ a: { type: "string", default: "x" } }, ["c"]),
    "`c` is required and has no default",
  ],
  ["it only wants to be agreed to", form({}), "no field of it has a default"],
  ["it only wants a yes or no", form({ ok: { type: "boolean" } }), "no field of it has a default"],
  [
    "a default has another type",
    form({ a: { type: "string", default: { x: 1 } } }),
    "the default of `a` is no value of it",
  ],
  [
    "a default is not among the choices",
    form({ a: { type: "string", enum: ["x"], default: "y" } }),
    "the default of `a` is no value of it",
  ],
  [
    "a default of several is not",
    form({ a: { type: "array", items: { enum: ["x"] }, default: ["x", "y"] } }),
    "the default of `a` is no value of it",
  ],
  ["an integer is none", form({ a: { type: "integer", default: 1.5 } }), "the default of `a` is no value of it"],
  ["a field is of no known type", form({ a: { type: "object", default: {} } }), "the default of `a` is no value of it"],
  [
    "it has too many fields",
    form(Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`f${at}`, {}]))),
    "it has more than 100 fields",
  ],
  [
    "its defaults are too long",
    form({ a: { type: "string", default: "x".repeat(20_000) } }),
    "its defaults are more than 16384 bytes",
  ],
  ["it is none", "please", "it is no form"],
  ["its fields are none", form([]), "it is no form"],
  ["what it requires is no name", form({ a: { type: "string", default: "x" } }, [{ toString: 1 }]), "it is no form"],
  ["what it requires is no list", form({ a: { type: "string", default: "x" } }, "a"), "it is no form"],
])("is declined where %s", (_, schema, why) => {
  expect(answerForm(schema)).toEqual({ action: "decline", why });
});

test("names of fields are only names", () => {
  const properties = JSON.parse('{"__proto__": {"type": "string", "default": "x"}}');
  const answer = answerForm(form(properties));
  expect(answer.action === "accept" && Object.entries(answer.content)).toEqual([["__proto__", "x"]]);
  expect(answerForm(form({ a: { type: "string", default: "x" } }, ["toString"]))).toMatchObject({ action: "decline" });
});
