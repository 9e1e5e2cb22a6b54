// Checks that a request has the shape that its type promises: a number that is none must not slip under a ceiling.
import { type Fields, isFields } from "./compile/read.ts";
import type { GateRequest } from "./request.ts";

const SUBJECT_FIELDS = ["namespace", "system", "task", "agent"];
const GRANT_FIELDS = ["tools", "allowedTools", "roles"];
const TOOL_FIELDS = ["capabilities", "operationClasses"];
const DATA_FIELDS = ["returns", "sendsTo", "urlArguments"];
const HISTORY_FIELDS = ["succeeded", "begun"];

export function isGateRequest(request: unknown): request is GateRequest {
  if (!isFields(request) || !isSubject(request["subject"])) return false;
  switch (request["point"]) {
    case "task_admission":
      return isReach(request["uses"]) && isCarried(request["carried"]);
    case "before_model":
      return (
        isText(request["model"]) &&
        isText(request["provider"]) &&
        isCount(request["reserveTokens"]) &&
        isAmount(request["reserveMicroUsd"]) &&
        isReach(request["uses"]) &&
        hasUsage(request)
      );
    case "after_model":
      return isText(request["model"]) && hasUsage(request);
    case "before_tool":
      return (
        isTool(request["tool"]) &&
        isGrants(request["grants"]) &&
        isFields(request["arguments"]) &&
        isTextMap(request["input"], isString) &&
        isTextMap(request["realPaths"], (path) => path === null || isString(path)) &&
        isCarried(request["carried"]) &&
        isHistory(request["history"]) &&
        hasUsage(request)
      );
    case "after_tool":
      return isTool(request["tool"]) && isCarried(request["carried"]) && hasUsage(request);
    case "secret_use":
      return isText(request["secret"]) && (request["grantedBy"] === null || isText(request["grantedBy"]));
    default:
      return false;
  }
}

function isSubject(value: unknown): boolean {
  return isFields(value) && SUBJECT_FIELDS.every((name) => isText(value[name]));
}

function isGrants(value: unknown): boolean {
  return isFields(value) && GRANT_FIELDS.every((name) => isTexts(value[name]));
}

function isTool(value: unknown): boolean {
  if (!isFields(value) || !isText(value["name"]) || typeof value["known"] !== "boolean") return false;
  return TOOL_FIELDS.every((name) => isTexts(value[name])) && isToolData(value["data"]);
}

function isToolData(value: unknown): boolean {
  return isReach(value) && (value === undefined || DATA_FIELDS.every((name) => isTextsOrNone(value[name])));
}

function isReach(value: unknown): value is Fields | undefined {
  if (value === undefined) return true;
  if (!isFields(value) || !isTextsOrNone(value["secrets"])) return false;
  const { isProcess, reaches } = value;
  if (isProcess !== undefined && isProcess !== true) return false;
  return reaches === undefined || (Array.isArray(reaches) && reaches.every((url) => url === null || isString(url)));
}

function isCarried(value: unknown): boolean {
  if (value === undefined) return true;
  return (
    Array.isArray(value) && value.every((item) => isFields(item) && isText(item["label"]) && isString(item["from"]))
  );
}

function isHistory(value: unknown): boolean {
  return value === undefined || (isFields(value) && HISTORY_FIELDS.every((name) => isTexts(value[name])));
}

function hasUsage(request: Fields): boolean {
  const usage = request["usage"];
  if (!isFields(usage) || !isCount(usage["tokens"])) return false;
  if (!isAmount(usage["microUsd"]) || !isCounts(usage["calls"]) || !isCounts(usage["shared"])) return false;
  return ["steps", "taskMs", "activationMs"].every((name) => usage[name] === undefined || isCount(usage[name]));
}

function isCounts(value: unknown): boolean {
  return value === undefined || (isFields(value) && Object.values(value).every(isCount));
}

/** null: unknown. */
function isAmount(value: unknown): boolean {
  return value === undefined || value === null || isCount(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isTextMap(value: unknown, isValue: (value: unknown) => boolean): boolean {
  return value === undefined || (isFields(value) && Object.values(value).every(isValue));
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isTextsOrNone(value: unknown): boolean {
  return value === undefined || isTexts(value);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
