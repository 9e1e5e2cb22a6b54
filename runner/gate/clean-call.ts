// Makes a model's tool call safe to write down and to hand on: redacted, and of a form that canonical JSON can hold.
import { canonicalJson } from "../../contracts/canonical.ts";
import type { ToolCall } from "../../contracts/step.ts";
import type { Redactor } from "./redact.ts";

/**
 * Arguments with numbers beyond JSON (`1e999`) or nested without end have no digest, so no decision could be bound to
 * them: such a call counts as malformed, and the model is told.
 */
export function cleanCall(call: ToolCall, redactor: Redactor): ToolCall {
  const known = {
    id: redactor.text(call.id),
    tool: redactor.text(call.tool),
    ...(call.malformed === undefined ? {} : { malformed: redactor.text(call.malformed) }),
  };
  try {
    const entries = Object.entries(call.arguments).map(([key, value]) => [redactor.text(key), redactor.value(value)]);
    const args: ToolCall["arguments"] = Object.fromEntries(entries);
    canonicalJson(args);
    return { ...known, arguments: args };
  } catch {
    // Whatever it is that cannot be written down, the answer is the same.
    return { ...known, arguments: {}, malformed: known.malformed ?? "arguments that JSON cannot hold" };
  }
}
