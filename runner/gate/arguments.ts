// Checks a model's tool arguments against the tool's schema. Schemas come from servers that nobody vouches for: their
// patterns run on RE2, and a schema that cannot be compiled checks nothing but "a JSON object" (the tool itself checks).
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { RE2JS } from "re2js";
import type { ToolDefinition } from "../models/model.ts";

/** What is wrong with the arguments, for the model to read; undefined: nothing. */
export interface ArgumentCheck {
  problem(tool: ToolDefinition, definitionDigest: string, args: Readonly<Record<string, unknown>>): string | undefined;
}

const LIMITS = { cached: 1_000, schemaCharacters: 262_144, patternCharacters: 1_000, errorsShown: 5 } as const;

/** Keeps compiled schemas by definition: one per runner. */
export function createArgumentCheck(): ArgumentCheck {
  const validators = new Map<string, ValidateFunction | null>();
  const validatorOf = (tool: ToolDefinition, digest: string): ValidateFunction | null => {
    const known = validators.get(digest);
    if (known !== undefined) return known;
    const made = compileSchema(tool.inputSchema);
    if (validators.size >= LIMITS.cached) validators.clear();
    validators.set(digest, made);
    return made;
  };
  return {
    problem: (tool, digest, args) => {
      const validate = validatorOf(tool, digest);
      if (validate === null || validate(args)) return undefined;
      return renderErrors(validate.errors ?? []);
    },
  };
}

function compileSchema({ $schema, ...schema }: Readonly<Record<string, unknown>>): ValidateFunction | null {
  if (JSON.stringify(schema).length > LIMITS.schemaCharacters) return null;
  const older = typeof $schema === "string" && !$schema.includes("2020-12") && !$schema.includes("2019-09");
  return older
    ? (compileWith(Ajv, schema) ?? compileWith(Ajv2020, schema))
    : (compileWith(Ajv2020, schema) ?? compileWith(Ajv, schema));
}

function compileWith(
  Engine: typeof Ajv | typeof Ajv2020,
  schema: Readonly<Record<string, unknown>>,
): ValidateFunction | null {
  try {
    const engine = new Engine({
      strict: false,
      ownProperties: true,
      validateSchema: false,
      validateFormats: false,
      logger: false,
      code: { regExp: Object.assign(compileRe2, { code: "re2" }) },
    });
    return engine.compile(schema);
  } catch {
    // Foreign schemas may be broken in any way, and Ajv throws plain errors for all of them: nothing to tell apart.
    return null;
  }
}

/** Patterns beyond RE2, such as look-ahead, accept everything: refusing a call for them would help nobody. */
function compileRe2(pattern: string): { test(text: string): boolean } {
  if (pattern.length > LIMITS.patternCharacters) return { test: () => true };
  try {
    const compiled = RE2JS.compile(pattern);
    return { test: (text) => compiled.matcher(text).find() };
  } catch {
    return { test: () => true };
  }
}

function renderErrors(errors: readonly ErrorObject[]): string {
  return errors
    .slice(0, LIMITS.errorsShown)
    .map(({ instancePath, message, params }) => {
      const extra = typeof params["additionalProperty"] === "string" ? ` (\`${params["additionalProperty"]}\`)` : "";
      return `${instancePath === "" ? "the arguments" : `\`${instancePath}\``} ${message ?? "do not fit"}${extra}`;
    })
    .join("; ");
}
