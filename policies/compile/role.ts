// Compiles an AgentRole: the permissions that its holders have.
import type { CompiledRole, SpecError, SpecSource } from "../compiled.ts";
import { permissionKey, scopedKey } from "../names.ts";
import { isFields, readTexts } from "./read.ts";

export function compileRole(source: SpecSource): CompiledRole {
  const key = scopedKey(source.namespace, source.name);
  if (!isFields(source.spec)) {
    return { key, address: source.address, permissions: new Set(), errors: ["`spec` is no map"] };
  }
  const errors: SpecError[] = [];
  const permissions = readTexts(source.spec, "permissions", "spec", errors).map(({ text }) => permissionKey(text));
  return {
    key,
    address: source.address,
    permissions: new Set(permissions),
    errors: errors.map((error) => error.message),
  };
}
