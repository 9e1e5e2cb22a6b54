// Judges requests by GitHub's own OpenAPI description (openapi-slice.json) and by the limits that its prose states.
import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required?: boolean;
  readonly schema: Schema;
}

type Schema = { readonly [key: string]: unknown };

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | null;
}

interface Judged {
  readonly pattern: RegExp;
  readonly method: string;
  /** `GET /repos/{owner}/{repo}/pulls` */
  readonly operation: string;
  readonly parameters: ValidateFunction;
  readonly body: ValidateFunction | null;
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export type Judgement =
  | { readonly outcome: "good"; readonly operation: string; readonly params: Readonly<Record<string, string>> }
  | { readonly outcome: "bad"; readonly why: string };

/** Characters; GitHub counts those of a comment as it stores it. */
const COMMENT_LIMIT = 65_536;

/** Compiled once for all servers: it takes longer than most tests. */
const OPERATIONS = readOperations();

/** Finds the operation of a request and everything that is wrong with it. */
export function judge(request: Request): Judgement {
  const found = OPERATIONS.find(({ method, pattern }) => method === request.method && pattern.test(request.path));
  if (found === undefined) return { outcome: "bad", why: `${request.method} ${request.path}: no such operation` };
  const params = namedGroups(found.pattern, request.path);
  const why = [...faults(found, params, request), ...proseFaults(found.operation, request.body)];
  if (why.length > 0) return { outcome: "bad", why: `${found.operation}: ${why.join("; ")}` };
  return { outcome: "good", operation: found.operation, params };
}

function readOperations(): readonly Judged[] {
  const slice = JSON.parse(readFileSync(new URL("openapi-slice.json", import.meta.url), "utf8")) as {
    readonly operations: readonly Operation[];
  };
  const ajv = addFormats.default(new Ajv({ strict: false, allErrors: true, coerceTypes: true }));
  // Bodies come as JSON: nothing may be coerced in them.
  const exact = addFormats.default(new Ajv({ strict: false, allErrors: true }));
  return slice.operations.map((operation) => compile(ajv, exact, operation));
}

function compile(ajv: Ajv, exact: Ajv, { method, path, parameters, body }: Operation): Judged {
  const properties = Object.fromEntries(parameters.map(({ name, schema }) => [name, schema]));
  const required = parameters.filter((parameter) => parameter.required).map(({ name }) => name);
  return {
    method,
    operation: `${method} ${path}`,
    pattern: new RegExp(`^${path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`),
    parameters: ajv.compile({ type: "object", properties, required, additionalProperties: false }),
    body: body === null ? null : exact.compile(closed(body)),
  };
}

/** GitHub ignores fields that it does not know; a test should not. */
function closed(schema: Schema): Schema {
  const copy = Object.entries(schema).map(([key, value]) => [key, closeChild(key, value)]);
  const open = schema["properties"] !== undefined && schema["additionalProperties"] === undefined;
  return { ...Object.fromEntries(copy), ...(open ? { additionalProperties: false } : {}) };
}

function closeChild(key: string, value: unknown): unknown {
  if (key === "items") return closed(value as Schema);
  if (key !== "properties") return value;
  return Object.fromEntries(Object.entries(value as Schema).map(([name, child]) => [name, closed(child as Schema)]));
}

function namedGroups(pattern: RegExp, path: string): Record<string, string> {
  const groups = pattern.exec(path)?.groups ?? {};
  return Object.fromEntries(Object.entries(groups).map(([name, text]) => [name, decodeURIComponent(text)]));
}

function faults(judged: Judged, params: Readonly<Record<string, string>>, request: Request): string[] {
  const texts: string[] = [];
  if (!judged.parameters({ ...params, ...request.query })) texts.push(...errorTexts(judged.parameters));
  if (judged.body === null && request.body !== undefined) texts.push("takes no body");
  if (judged.body !== null && !judged.body(request.body)) texts.push(...errorTexts(judged.body));
  return texts;
}

function errorTexts(validate: ValidateFunction): string[] {
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message ?? ""} ${JSON.stringify(params)}`,
  );
}

/** What the description says in words only. */
function proseFaults(operation: string, body: unknown): string[] {
  const fields = (body ?? {}) as Record<string, unknown>;
  const texts: string[] = [];
  const isIssue = operation.endsWith("/issues") || operation.endsWith("/issues/{issue_number}");
  if (isIssue && length(fields["title"]) > 256) texts.push("title is too long");
  if ((isIssue || operation.includes("/comments")) && length(fields["body"]) > COMMENT_LIMIT)
    texts.push("body is too long");
  const isStatus = operation.includes("/statuses/") || operation.endsWith("/deployments/{deployment_id}/statuses");
  if ((isStatus || operation.endsWith("/deployments")) && length(fields["description"]) > 140)
    texts.push("description is too long");
  const output = (fields["output"] ?? {}) as { readonly annotations?: readonly Record<string, unknown>[] };
  for (const annotation of output.annotations ?? []) {
    if (length(annotation["title"]) > 255) texts.push("annotation title is over 255 characters");
    if (Buffer.byteLength(String(annotation["message"])) > 64 * 1024) texts.push("annotation message is over 64 KB");
    const { start_line: start, end_line: end } = annotation;
    if (typeof start !== "number" || typeof end !== "number" || start < 1 || end < start) texts.push("bad lines");
    if (start !== end && annotation["start_column"] !== undefined) texts.push("columns on several lines");
  }
  return texts;
}

function length(value: unknown): number {
  return typeof value === "string" ? Array.from(value).length : 0;
}
