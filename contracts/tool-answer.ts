// How a tool answers that speaks the tool contract (v1): the same over HTTP, by callback and over gRPC. Pure.
import type { ErrorObject } from "ajv";
import type { FromSchema } from "json-schema-to-ts";
import { ownValidator } from "./own-schema.ts";

export const TOOL_CONTRACT_VERSION = "v1";

const TEXT = { type: "string" } as const;

const ERROR_SCHEMA = {
  type: "object",
  required: ["code"],
  properties: {
    code: { type: "string", minLength: 1, maxLength: 200 },
    reason: TEXT,
    message: TEXT,
    retryable: { type: "boolean" },
  },
} as const;

/** Fields that it does not name are of later versions, or for others to read. */
const ANSWER_SCHEMA = {
  type: "object",
  required: ["status"],
  properties: {
    tool_contract_version: { const: TOOL_CONTRACT_VERSION },
    contract_version: { const: TOOL_CONTRACT_VERSION },
    request_id: TEXT,
    status: { type: "string", enum: ["ok", "error", "denied", "pending"] },
    error: ERROR_SCHEMA,
  },
} as const;

export type ToolError = FromSchema<typeof ERROR_SCHEMA>;

export type ContractAnswer =
  /** `text` is what the model reads. */
  | { readonly status: "ok"; readonly text: string }
  /** The tool's own word that the call failed, or that it may not be made. */
  | { readonly status: "error" | "denied"; readonly error: ToolError }
  /** Not yet: of tools that answer later. */
  | { readonly status: "pending" };

export type ReadContractAnswer =
  | { readonly outcome: "answer"; readonly answer: ContractAnswer }
  /** In words for whoever wrote the tool. */
  | { readonly outcome: "problem"; readonly why: string };

/** `requestId`: the answer must be to this call, where it says to which one. */
export function readContractAnswer(text: string, requestId: string): ReadContractAnswer {
  const value = parse(text);
  if (value === undefined) return problem("it is no JSON");
  const validate = ownValidator<AnswerValue>(ANSWER_SCHEMA);
  if (!validate(value)) return problem(sentenceOf(validate.errors?.[0]));
  const { status, request_id: asked, error, output } = value;
  if (asked !== undefined && asked !== requestId) return problem("its `request_id` is that of another call");
  if (status === "pending") return { outcome: "answer", answer: { status } };
  if (status !== "ok") return error === undefined ? problem("it has no `error`") : answered({ status, error });
  const shown = textOf(output);
  return shown === undefined ? problem("its `output` is nested too deeply") : answered({ status, text: shown });
}

interface AnswerValue {
  readonly request_id?: string;
  readonly status: ContractAnswer["status"];
  readonly error?: ToolError;
  readonly output?: unknown;
}

function answered(answer: ContractAnswer): ReadContractAnswer {
  return { outcome: "answer", answer };
}

function problem(why: string): ReadContractAnswer {
  return { outcome: "problem", why };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A text as it is, also as the only thing in `output.result`, where servers of the first version put it; else its JSON. */
function textOf(output: unknown): string | undefined {
  if (output === undefined || output === null) return "";
  if (typeof output === "string") return output;
  if (typeof output === "object" && "result" in output && Object.keys(output).length === 1) {
    if (typeof output.result === "string") return output.result;
  }
  try {
    return JSON.stringify(output);
  } catch {
    // The stack ends before nesting does.
    return undefined;
  }
}

function sentenceOf(error: ErrorObject | undefined): string {
  if (error === undefined) return "it does not fit the contract";
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  const where = path === "" ? "it" : `\`${path}\``;
  switch (error.keyword) {
    case "required":
      return `${where} has no \`${String(error.params["missingProperty"])}\``;
    case "enum":
      return `${where} must be one of ${String(error.params["allowedValues"])}`;
    case "const":
      return `${where} must be \`${String(error.params["allowedValue"])}\``;
    default:
      return `${where} ${error.message ?? "does not fit"}`;
  }
}
