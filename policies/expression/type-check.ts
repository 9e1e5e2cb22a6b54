// Checks `when:` of a rule against the schemas of the tools that it is about. The gate does not: it evaluates.
import { READING, readExpression } from "./expression.ts";
import { checkTypes, type TypesChecked } from "./types/check-types.ts";
import { readSignatures } from "./types/functions.ts";
import { typeOfSchema } from "./types/schema-type.ts";
import { JSON_VALUE, listOf, mapOf, STRING, type Type } from "./types/type.ts";

/** One tool that a rule is about, or, without a schema, any. */
export interface JudgedTool {
  /** All the ways in which an agent may list it; none: any tool. */
  readonly names: readonly string[];
  readonly inputSchema: unknown;
}

export type TypeCheck = (tool: JudgedTool) => TypesChecked;

export const ANY_TOOL: JudgedTool = { names: [], inputSchema: undefined };

const SIGNATURES = readSignatures(READING);

/** Reads an expression once, for as many tools as it is about. undefined: it is none. */
export function typeCheckOf(text: string): TypeCheck | undefined {
  const ast = readExpression(text);
  return ast === undefined ? undefined : (tool) => checkTypes(ast, variablesFor(tool), SIGNATURES);
}

const CLASSES = ["read", "write", "delete", "admin"];

function variablesFor({ names, inputSchema }: JudgedTool): ReadonlyMap<string, Type> {
  return new Map<string, Type>([
    ...["model", "agent", "system", "task"].map((name) => [name, STRING] as const),
    ["tool", names.length === 0 ? STRING : [{ kind: "string", values: names }]],
    ["operation_classes", [listOf(() => [{ kind: "string", values: CLASSES }])]],
    ["input", [mapOf(() => STRING)]],
    ["args", typeOfArguments(inputSchema)],
  ]);
}

/** They are an object, whatever a schema forgets to say. */
export function typeOfArguments(inputSchema: unknown): Type {
  const type = typeOfSchema(inputSchema);
  const objects = type === "anything" ? [] : type.filter(({ kind }) => kind === "map");
  return objects.length === 0 ? [mapOf(() => JSON_VALUE)] : objects;
}
