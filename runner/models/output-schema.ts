// How a wanted output schema reaches a provider: in the form that it enforces itself, or as words in the system prompt.
import { isObject } from "./tool-arguments.ts";

type Schema = Readonly<Record<string, unknown>>;

/** What both Anthropic and OpenAI enforce while they write. Others refuse a request for a keyword that they do not know. */
const ENFORCED = [
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "enum",
  "const",
  "anyOf",
  "description",
  "title",
  "$defs",
  "$ref",
];

/** Whether providers enforce it to the letter: every object is closed and needs all its properties. */
export function isEnforceable(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if (Object.keys(schema).some((keyword) => !ENFORCED.includes(keyword))) return false;
  return isClosed(schema) && innerSchemas(schema).every(isEnforceable);
}

function isClosed(schema: Schema): boolean {
  if (schema["type"] !== "object" && !("properties" in schema)) return true;
  const required: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const names = isObject(schema["properties"]) ? Object.keys(schema["properties"]) : [];
  return schema["additionalProperties"] === false && names.every((name) => required.includes(name));
}

function innerSchemas(schema: Schema): unknown[] {
  const maps = [schema["properties"], schema["$defs"]].filter(isObject).flatMap((map) => Object.values(map));
  const lists = Array.isArray(schema["anyOf"]) ? schema["anyOf"] : [];
  return [...maps, ...lists, ...("items" in schema ? [schema["items"]] : [])];
}

/** Providers take schemas of objects only. */
export function isOfObject(schema: Schema): boolean {
  return schema["type"] === "object";
}

/** The system prompt, with the schema in words where the provider does not enforce it. */
export function systemWith(system: string, schema: Schema | undefined): string {
  if (schema === undefined) return system;
  const wish = `Your final answer must be one JSON value that fits this JSON Schema, with nothing before or after it:\n${JSON.stringify(schema)}`;
  return system === "" ? wish : `${system}\n\n${wish}`;
}
