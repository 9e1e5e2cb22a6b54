// Cuts the requests that we make out of GitHub's own OpenAPI description, so that tests judge them by GitHub's words.
// Run by hand when a request is added: npx tsx test/github/cut-openapi.ts. The description is 385 MB unpacked and is no
// dependency: npm fetches it into a temporary folder, and only the slice (openapi-slice.json) is kept.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PACKAGE = "@octokit/openapi@23.0.2";
const FILE = "package/generated/api.github.com.json";

const OPERATIONS: readonly (readonly [method: string, path: string])[] = [
  ["get", "/user"],
  ["get", "/repos/{owner}/{repo}/installation"],
  ["post", "/app/installations/{installation_id}/access_tokens"],
  ["get", "/app/hook/deliveries"],
  ["post", "/app/hook/deliveries/{delivery_id}/attempts"],
  ["get", "/repos/{owner}/{repo}/pulls"],
  ["get", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls"],
  ["get", "/repos/{owner}/{repo}/issues/{issue_number}/comments"],
  ["post", "/repos/{owner}/{repo}/issues/{issue_number}/comments"],
  ["patch", "/repos/{owner}/{repo}/issues/comments/{comment_id}"],
  ["get", "/repos/{owner}/{repo}/issues/comments"],
  ["get", "/repos/{owner}/{repo}/issues/comments/{comment_id}"],
  ["post", "/repos/{owner}/{repo}/issues/comments/{comment_id}/reactions"],
  ["get", "/repos/{owner}/{repo}/issues"],
  ["post", "/repos/{owner}/{repo}/issues"],
  ["get", "/repos/{owner}/{repo}/issues/{issue_number}"],
  ["patch", "/repos/{owner}/{repo}/issues/{issue_number}"],
  ["get", "/repos/{owner}/{repo}/pulls/{pull_number}"],
  ["get", "/repos/{owner}/{repo}/collaborators/{username}/permission"],
  ["get", "/repos/{owner}/{repo}/commits/{ref}/check-runs"],
  ["post", "/repos/{owner}/{repo}/check-runs"],
  ["patch", "/repos/{owner}/{repo}/check-runs/{check_run_id}"],
  ["post", "/repos/{owner}/{repo}/statuses/{sha}"],
  ["get", "/repos/{owner}/{repo}/deployments"],
  ["post", "/repos/{owner}/{repo}/deployments"],
  ["post", "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"],
];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

const description = readDescription();
const slice = {
  source: PACKAGE,
  operations: OPERATIONS.map(([method, path]) => {
    const operation = objectAt(objectAt(objectAt(description, "paths"), path), method);
    const body = operation["requestBody"];
    return {
      method: method.toUpperCase(),
      path,
      parameters: ((operation["parameters"] ?? []) as Json[]).map((parameter) => bare(parameter)),
      body: body === undefined ? null : bare(bodySchema(body as JsonObject)),
    };
  }),
};
writeFileSync(new URL("openapi-slice.json", import.meta.url), `${JSON.stringify(slice, null, 1)}\n`);

function readDescription(): JsonObject {
  const folder = mkdtempSync(join(tmpdir(), "countwheel-openapi-"));
  try {
    const packed = execFileSync("npm", ["pack", "--silent", PACKAGE], { cwd: folder, encoding: "utf8" }).trim();
    execFileSync("tar", ["-xzf", packed, FILE], { cwd: folder });
    return JSON.parse(readFileSync(join(folder, FILE), "utf8")) as JsonObject;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function objectAt(parent: JsonObject, key: string): JsonObject {
  const value = parent[key];
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`no object at ${key}`);
  return value;
}

function bodySchema(body: JsonObject): Json {
  return objectAt(objectAt(objectAt(body, "content"), "application/json"), "schema");
}

/** Follows references and drops what judges nothing: descriptions, examples, defaults. */
function bare(value: Json): Json {
  if (Array.isArray(value)) return value.map(bare);
  if (value === null || typeof value !== "object") return value;
  if (typeof value["$ref"] === "string") return bare(follow(value["$ref"]));
  // Ajv knows `nullable` beside a type only; none of what we send is null.
  const isLoose = value["type"] === undefined;
  const kept = Object.entries(value).filter(([key, child]) => !isProse(key, child) && !(isLoose && key === "nullable"));
  return Object.fromEntries(kept.map(([key, child]) => [key, bare(child)]));
}

/** A property may be called `description`; only the keyword's text is prose. */
function isProse(key: string, child: Json): boolean {
  return (key === "description" && typeof child === "string") || ["example", "examples", "default"].includes(key);
}

function follow(reference: string): Json {
  return reference
    .replace("#/", "")
    .split("/")
    .reduce<Json>((parent, key) => objectAt(parent as JsonObject, key), description);
}
