// Whether a line of an export has the shape that its type promises: a digest says that a line is whole, not who wrote it.
import { isName, parseAddress } from "../../contracts/address.ts";

type Fields = Readonly<Record<string, unknown>>;

const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  export: (value) =>
    has(value, { formatVersion: isText, env: isEnvironment, exportedAt: isText, secrets: isFlag, tool: isObject }),
  head: (value) =>
    has(value, {
      env: isEnvironment,
      lineage: isText,
      serial: isCount,
      commit: isTextOrNull,
      policyDigest: isText,
      appliedAt: isTextOrNull,
    }),
  record: isRecord,
  archived: (value) => has(value, { record: isRecord, serial: isCount }),
  "left-out": (value) => has(value, { address: isAddress, digest: isText, archived: isFlag }),
  apply: (value) =>
    has(value, {
      serial: isCount,
      planId: isText,
      planDigest: isText,
      commit: isTextOrNull,
      appliedAt: isText,
      facts: isObject,
    }),
  plan: (value) => isPair(value, isCount),
  intent: (value) => isPair(value, isCount),
  ordered: (value) => isPair(value, isJson),
  hold: (value) => isPair(value, isJson),
  inventory: (value) => isPair(value, (item) => typeof item === "string"),
};

export function hasShape(type: unknown, value: unknown): boolean {
  const shape = typeof type === "string" && Object.hasOwn(SHAPES, type) ? SHAPES[type] : undefined;
  return shape?.(value) === true;
}

function isRecord(value: unknown): boolean {
  return has(value, {
    address: isAddress,
    digest: isText,
    generation: isCount,
    serial: isCount,
    appliedAt: isText,
    source: (source) =>
      has(source, { repo: isText, commit: isTextOrNull, file: isText, line: isCount, column: isCount }),
    manifest: (manifest) =>
      has(manifest, {
        apiVersion: isText,
        kind: isText,
        spec: isObject,
        metadata: (metadata) =>
          has(metadata, { name: isText, namespace: isText, labels: isObject, annotations: isObject }),
      }),
  });
}

function has(value: unknown, fields: Readonly<Record<string, (item: unknown) => boolean>>): boolean {
  return (
    isObject(value) && Object.entries(fields).every(([name, fits]) => Object.hasOwn(value, name) && fits(value[name]))
  );
}

function isPair(value: unknown, second: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === "string" && second(value[1]);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isTextOrNull(value: unknown): boolean {
  return value === null || typeof value === "string";
}

function isEnvironment(value: unknown): boolean {
  return typeof value === "string" && isName(value);
}

function isFlag(value: unknown): boolean {
  return typeof value === "boolean";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isAddress(value: unknown): boolean {
  return typeof value === "string" && parseAddress(value) !== undefined;
}

function isJson(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    return isObject(JSON.parse(value));
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
