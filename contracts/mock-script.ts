// The script of the mock provider: what ModelEndpoint `options.script` may hold, as JSON text. Documented for authors in
// contracts/kinds/model-endpoint.ts.
import type { FromSchema } from "json-schema-to-ts";
import { DURATION_PATTERN } from "./duration.ts";
import { ownValidator } from "./own-schema.ts";

const RULE_SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    agent: { type: "string" },
    turn: { type: "integer", minimum: 1 },
    contains: { type: "string" },
    say: { type: "string" },
    call: {
      type: "array",
      items: {
        type: "object",
        additionalProperties: false,
        required: ["tool"],
        properties: { tool: { type: "string", minLength: 1 }, arguments: { type: "object" } },
      },
    },
    tokens: {
      type: "object",
      additionalProperties: false,
      properties: { input: { type: "integer", minimum: 0 }, output: { type: "integer", minimum: 0 } },
    },
    latency: { type: "string", pattern: DURATION_PATTERN },
    fail: {
      type: "object",
      additionalProperties: false,
      required: ["code"],
      properties: {
        code: { type: "string", enum: ["rate_limited", "server_error", "auth"] },
        times: { type: "integer", minimum: 1 },
      },
    },
  },
} as const;

const MOCK_SCRIPT_SCHEMA = { type: "array", items: RULE_SCHEMA } as const;

/** The first rule that matches is used. `times` is absent: every call that the rule matches fails. */
export type MockRule = FromSchema<typeof RULE_SCHEMA>;

export type MockScriptAnswer =
  | { readonly outcome: "ok"; readonly rules: readonly MockRule[] }
  /** One line each: `[2].call[0].tool: is missing`. */
  | { readonly outcome: "invalid"; readonly problems: readonly string[] };

export function parseMockScript(text: string): MockScriptAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { outcome: "invalid", problems: ["it is not JSON"] };
  }
  const validate = ownValidator<readonly MockRule[]>(MOCK_SCRIPT_SCHEMA);
  if (validate(value)) return { outcome: "ok", rules: value };
  const problems = (validate.errors ?? []).map((error) => `${pathOf(error.instancePath)}: ${sentence(error)}`);
  return { outcome: "invalid", problems: [...new Set(problems)] };
}

function pathOf(pointer: string): string {
  const path = pointer.replace(/\/([0-9]+)/g, "[$1]").replaceAll("/", ".");
  return path === "" ? "the script" : path;
}

function sentence(error: { readonly keyword: string; readonly message?: string; readonly params: object }): string {
  if (error.keyword === "additionalProperties" && "additionalProperty" in error.params) {
    return `\`${String(error.params.additionalProperty)}\` is not a field of a rule`;
  }
  return error.message ?? "does not fit";
}
