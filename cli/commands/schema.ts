// `schema [Kind]`: the JSON Schema (draft-07) of one kind's manifests, or of all for editors.
import { bundleSchema, kindSchema } from "../../contracts/editor-schema.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host } from "../host.ts";
import { kindNamed } from "../kind-named.ts";
import { printJson } from "../output.ts";

export interface SchemaOptions {
  readonly kind?: string;
}

export async function runSchema(host: Host, { kind }: SchemaOptions): Promise<ExitCode> {
  printJson(host, kind === undefined ? bundleSchema() : kindSchema(kindNamed(kind)));
  return EXIT.ok;
}
