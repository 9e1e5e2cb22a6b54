// Checks values against schemas that nobody vouches for: patterns run on RE2, and a schema that cannot be compiled is null.
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { RE2JS } from "re2js";

const LIMITS = { schemaCharacters: 262_144, patternCharacters: 1_000, errorsShown: 5 } as const;

export function compileSchema({ $schema, ...schema }: Readonly<Record<string, unknown>>): ValidateFunction | null {
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

/** `whole`: what the value itself is called. */
export function renderErrors(errors: readonly ErrorObject[], whole: string): string {
  return errors
    .slice(0, LIMITS.errorsShown)
    .map(({ instancePath, message, params }) => {
      const extra = typeof params["additionalProperty"] === "string" ? ` (\`${params["additionalProperty"]}\`)` : "";
      return `${instancePath === "" ? whole : `\`${instancePath}\``} ${message ?? "do not fit"}${extra}`;
    })
    .join("; ");
}
