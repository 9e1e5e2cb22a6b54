// How `explain` shows a kind or a field: what it is, what it takes, and the fields below it.
import type { Schema } from "../../contracts/schema.ts";
import type { FoundField } from "../explained-field.ts";
import { renderTable } from "./table.ts";

export function renderField(kind: string, { path, schema, required }: FoundField): string {
  const facts = [
    `${path === "" ? kind : `${kind}.${path}`}  <${typeOf(schema)}>${required ? "  required" : ""}`,
    ...(schema.default === undefined ? [] : [`  default   ${valueText(schema.default)}`]),
    ...valuesOf(schema),
  ];
  const description = (schema.description ?? "").split("\n").map((line) => `  ${line}`);
  return `${[...facts, "", ...description].join("\n")}\n${renderBelow(kind, path, schema)}`;
}

function valuesOf(schema: Schema): string[] {
  const words = schema.enum ?? schema.items?.enum;
  if (words !== undefined) return [`  values    ${words.join(", ")}`];
  const examples = schema.examples ?? schema.items?.examples;
  return examples === undefined ? [] : [`  such as   ${examples.map(valueText).join(", ")}`];
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function typeOf(schema: Schema): string {
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return `map of ${typeOf(schema.additionalProperties)}`;
  }
  return schema.type === "string" ? "text" : (schema.type ?? "any");
}

function renderBelow(kind: string, path: string, schema: Schema): string {
  const below = innermost(schema);
  const fields = Object.entries(below.properties ?? {});
  if (fields.length === 0) return "";
  const rows = fields.map(([written, field]) => {
    const name = written === "api_version" ? "apiVersion" : written;
    const mark = below.required?.includes(written)
      ? "required"
      : field.default === undefined
        ? ""
        : `default ${valueText(field.default)}`;
    return [`  ${name}`, `<${typeOf(field)}>`, mark, (field.description ?? "").split("\n")[0] ?? ""];
  });
  const [first = ""] = fields.map(([name]) => name);
  const next = path === "" ? `${kind}.spec` : `${kind}.${path}.${first}`;
  return `\n${renderTable(["FIELD", "TYPE", "", ""], rows)}\nNext: countwheel explain ${next}\n`;
}

/** The object that a list or a map holds in the end. */
function innermost(schema: Schema): Schema {
  if (schema.type === "array") return innermost(schema.items ?? {});
  if (typeof schema.additionalProperties === "object") return innermost(schema.additionalProperties);
  return schema;
}
