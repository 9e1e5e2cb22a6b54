// Checks a model's tool arguments against the tool's schema. Schemas come from servers that nobody vouches for: their
// patterns run on RE2, and a schema that cannot be compiled checks nothing but "a JSON object" (the tool itself checks).
import { compileSchema, type SchemaCheck } from "../foreign-schema.ts";
import type { ToolDefinition } from "../models/model.ts";

/** What is wrong with the arguments, for the model to read; undefined: nothing. */
export interface ArgumentCheck {
  problem(tool: ToolDefinition, definitionDigest: string, args: Readonly<Record<string, unknown>>): string | undefined;
}

const MAX_CACHED = 1_000;

/** Keeps compiled schemas by definition: one per runner. */
export function createArgumentCheck(): ArgumentCheck {
  const validators = new Map<string, SchemaCheck | null>();
  const validatorOf = (tool: ToolDefinition, digest: string): SchemaCheck | null => {
    const known = validators.get(digest);
    if (known !== undefined) return known;
    const made = compileSchema(tool.inputSchema);
    if (validators.size >= MAX_CACHED) validators.clear();
    validators.set(digest, made);
    return made;
  };
  return {
    problem: (tool, digest, args) => {
      return validatorOf(tool, digest)?.(args, "the arguments");
    },
  };
}
