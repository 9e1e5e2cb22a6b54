// Checks values against schemas that nobody vouches for: patterns run on RE2, work is counted before it is begun, and a
// schema that cannot be compiled, or could hold everybody up, is null.
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { compileRe2, MAX_SEARCH, searchSteps } from "../policies/re2.ts";
import { isCheckable, measureSchema } from "./schema-work.ts";

const LIMITS = { schemaCharacters: 262_144, patternCharacters: 1_000, errorsShown: 5 } as const;

/** What a value does not fit; undefined: it fits. */
export type SchemaCheck = (value: unknown, whole: string) => string | undefined;

/** null: it checks nothing. */
export function compileSchema(foreign: Readonly<Record<string, unknown>>): SchemaCheck | null {
  const { $schema, $id: _, ...schema } = foreign;
  if (JSON.stringify(schema).length > LIMITS.schemaCharacters) return null;
  const work = measureSchema(schema);
  const meter: Meter = { left: 0 };
  const validate = work === undefined ? null : compileOf(schema, $schema, meter);
  if (work === undefined || validate === null) return null;
  return (value, whole) => {
    if (!isCheckable(work, value)) return `${whole} are too large to be checked`;
    meter.left = MAX_SEARCH;
    return validate(value) ? undefined : renderErrors(validate.errors ?? [], whole);
  };
}

/** Steps that the patterns of one check may still take. */
interface Meter {
  left: number;
}

type Schema = Readonly<Record<string, unknown>>;

function compileOf(schema: Schema, $schema: unknown, meter: Meter): ValidateFunction | null {
  const older = typeof $schema === "string" && !$schema.includes("2020-12") && !$schema.includes("2019-09");
  return older
    ? (compileWith(Ajv, schema, meter) ?? compileWith(Ajv2020, schema, meter))
    : (compileWith(Ajv2020, schema, meter) ?? compileWith(Ajv, schema, meter));
}

function compileWith(Engine: typeof Ajv | typeof Ajv2020, schema: Schema, meter: Meter): ValidateFunction | null {
  try {
    const engine = new Engine({
      strict: false,
      ownProperties: true,
      validateSchema: false,
      validateFormats: false,
      logger: false,
      code: { regExp: Object.assign((pattern: string) => compilePattern(pattern, meter), { code: "re2" }) },
    });
    return engine.compile(schema);
  } catch {
    // Foreign schemas may be broken in any way, and Ajv throws plain errors for all of them: nothing to tell apart.
    return null;
  }
}

/**
 * Patterns beyond RE2, such as look-ahead, accept everything, and so do all patterns of texts that are too long for them:
 * refusing a call for it would help nobody.
 */
function compilePattern(pattern: string, meter: Meter): { test(text: string): boolean } {
  const compiled = compileRe2(pattern, LIMITS.patternCharacters);
  if (compiled === undefined) return { test: () => true };
  return {
    test: (text) => {
      meter.left -= searchSteps(compiled, text);
      return meter.left < 0 || compiled.matcher(text).find();
    },
  };
}

/** `whole`: what the value itself is called. */
function renderErrors(errors: readonly ErrorObject[], whole: string): string {
  return errors
    .slice(0, LIMITS.errorsShown)
    .map(({ instancePath, message, params }) => {
      const extra = typeof params["additionalProperty"] === "string" ? ` (\`${params["additionalProperty"]}\`)` : "";
      return `${instancePath === "" ? whole : `\`${instancePath}\``} ${message ?? "do not fit"}${extra}`;
    })
    .join("; ");
}
