// Checks what was read of `countwheel.yaml` against its schema, in sentences of ours.
import type { ErrorObject } from "ajv";
import { DURATION_PATTERN } from "../../contracts/duration.ts";
import { ownValidator } from "../../contracts/own-schema.ts";
import type { Schema } from "../../contracts/schema.ts";
import { nearestSpan } from "../load/check-schema.ts";
import type { DocumentReader } from "../load/document-reader.ts";
import { quote } from "../load/finding.ts";
import { didYouMean } from "../load/near-match.ts";

/** Whether it fits; what does not is reported where it stands. */
export function checkSettings(reader: DocumentReader, schema: Schema, value: unknown): boolean {
  const validate = ownValidator(schema);
  if (validate(value)) return true;
  for (const error of validate.errors ?? []) {
    const { summary, detail } = sentence(error);
    const span = nearestSpan(reader, error.instancePath, { start: 0, end: 0 });
    reader.report("error", "SCHEMA", span, summary, detail);
  }
  return false;
}

interface Sentence {
  readonly summary: string;
  readonly detail: string;
}

function sentence({ keyword, instancePath, params, data, message }: ErrorObject): Sentence {
  const field = instancePath.slice(1).replaceAll("/", ".");
  const text = typeof data === "string" ? data : String(data);
  switch (keyword) {
    case "required":
      return { summary: `\`${field}.${String(params["missingProperty"])}\` is missing`, detail: "" };
    case "enum": {
      const words = params["allowedValues"] as readonly string[];
      return { summary: `${quote(text)} is none of ${words.join(", ")}`, detail: didYouMean(text, words) };
    }
    case "pattern":
      return params["pattern"] === DURATION_PATTERN
        ? { summary: `${quote(text)} is not a duration`, detail: "Write it like `30s`, `1m30s` or `4h`." }
        : { summary: `${quote(text)} does not fit \`${field}\``, detail: "" };
    case "minimum":
    case "maximum":
      return { summary: `\`${field}\` must be ${String(params["comparison"])} ${String(params["limit"])}`, detail: "" };
    default:
      return { summary: `\`${field}\` ${message ?? "does not fit"}`, detail: "" };
  }
}
