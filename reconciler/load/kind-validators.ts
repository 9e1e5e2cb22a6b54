// A validator for the spec of each kind. A build puts ready ones in the place of this module (precompile.mjs).
import type { ValidateFunction } from "ajv";
import type { KindName } from "../../contracts/address.ts";
import { KINDS } from "../../contracts/kinds.ts";
import { ownValidator } from "../../contracts/own-schema.ts";

/** Its `errors` are good until its next use. */
export function kindValidator(kind: KindName): ValidateFunction {
  return ownValidator(KINDS[kind].schema);
}
