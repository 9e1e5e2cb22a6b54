// Validators of the schemas that are Countwheel's own, compiled with Ajv when they first come up, and kept: to compile one
// takes as long as reading hundreds of manifests. Schemas that others wrote have bounds of their own (runner/foreign-schema.ts).
import { Ajv, type ValidateFunction } from "ajv";
import type { JSONSchema } from "json-schema-to-ts";
import type { Schema } from "./schema.ts";

/**
 * The schema of schemas, which would take as long to compile as many of ours, proves no schema here: types and a test do.
 * @public A build compiles with the same options (precompile.mjs).
 */
export const OPTIONS = { allErrors: true, strict: false, verbose: true, meta: false, validateSchema: false } as const;

let ajv: Ajv | undefined;

/** Tells all errors, with the data that they are about. Its `errors` are good until its next use. */
export function ownValidator<T = unknown>(schema: Schema | Exclude<JSONSchema, boolean>): ValidateFunction<T> {
  ajv ??= new Ajv(OPTIONS);
  const own: object = schema;
  // Ajv keeps what it compiled, by the schema.
  return ajv.compile<T>(own);
}
