// Answers a server's form (elicitation) in the place of a person: with the defaults that the form itself offers, or not at
// all. Pure.
import type { FormContent, FormValue } from "../../contracts/elicited.ts";
import { cutText } from "../bound-text.ts";
import { MCP_LIMITS } from "./limits.ts";

export type FormAnswer =
  | { readonly action: "accept"; readonly content: FormContent }
  | { readonly action: "decline"; readonly why: string };

/**
 * `schema`: whatever a server sent as the form's. A form without any default is declined, also where it requires nothing:
 * such a form asks whether somebody agrees, and nobody does.
 */
export function answerForm(schema: unknown): FormAnswer {
  const { properties, required = [] } = fieldsOf(schema);
  if (!isObject(properties) || !isTexts(required)) return decline("it is no form");
  const fields = Object.entries(properties);
  if (fields.length > MCP_LIMITS.formFields) return decline(`it has more than ${MCP_LIMITS.formFields} fields`);
  const given = fields.flatMap(([name, field]) => {
    const { default: value } = fieldsOf(field);
    return value === undefined ? [] : [{ name, value, fits: fits(value, fieldsOf(field)) }];
  });
  const missing = required.find((name) => given.every((field) => field.name !== name));
  if (missing !== undefined) return decline(`\`${cutText(missing, 60)}\` is required and has no default`);
  const unfit = given.find((field) => !field.fits);
  if (unfit !== undefined) return decline(`the default of \`${cutText(unfit.name, 60)}\` is no value of it`);
  if (given.length === 0) return decline("no field of it has a default");
  const content = Object.fromEntries(given.map(({ name, value }) => [name, value as FormValue]));
  if (Buffer.byteLength(JSON.stringify(content)) > MCP_LIMITS.formBytes) {
    return decline(`its defaults are more than ${MCP_LIMITS.formBytes} bytes`);
  }
  return { action: "accept", content };
}

export function decline(why: string): FormAnswer {
  return { action: "decline", why };
}

/** The types that a form's field can have, each with the values that it offers, if it does. */
function fits(value: unknown, field: Readonly<Record<string, unknown>>): boolean {
  switch (field["type"]) {
    case "string":
      return typeof value === "string" && isOffered(value, field);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    case "boolean":
      return typeof value === "boolean";
    case "array":
      return (
        Array.isArray(value) &&
        value.every((one) => typeof one === "string" && isOffered(one, fieldsOf(field["items"])))
      );
    default:
      return false;
  }
}

function isOffered(value: string, { enum: plain, oneOf, anyOf }: Readonly<Record<string, unknown>>): boolean {
  const titled = oneOf ?? anyOf;
  if (Array.isArray(plain)) return plain.includes(value);
  return !Array.isArray(titled) || titled.some((option) => fieldsOf(option)["const"] === value);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
