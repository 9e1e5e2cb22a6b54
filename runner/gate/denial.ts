// The structured denial that a model and a person get to see.
import type { Decision, Denial } from "../../contracts/decision.ts";
import type { ToolResult } from "../../contracts/step.ts";
import type { DenialCode, Reason } from "../../policies/request.ts";

export type DeniedThing =
  | { readonly tool: string }
  | { readonly model: string }
  | { readonly agent: string }
  | { readonly secret: string }
  | { readonly server: string };

export function makeDenial(decision: Decision, thing: DeniedThing): Denial {
  const code: DenialCode = decision.code === "ALLOWED" ? "POLICY_ERROR" : decision.code;
  const first = decision.reasons.find((reason) => reason.enforced !== false);
  return {
    status: "denied",
    code,
    reason: first?.message ?? code,
    retryable: false,
    message: renderMessage(code, thing, first),
    details: {
      ...("tool" in thing ? { tool: thing.tool } : {}),
      ...("model" in thing ? { model: thing.model } : {}),
      ...(first === undefined || first.policy === "" ? {} : { policy: first.policy }),
      ...(first === undefined || first.rule === "" ? {} : { rule: first.rule }),
      decisionId: decision.decisionId,
    },
  };
}

/** What a model reads that may go on. */
export function denialResult(denial: Denial): ToolResult {
  return { text: JSON.stringify(denial), isError: true };
}

function renderMessage(code: DenialCode, thing: DeniedThing, reason: Reason | undefined): string {
  const what = nameOf(thing);
  if (code === "APPROVAL_REQUIRED") {
    return `${what} needs an approval, and nobody can be asked about it: only calls of tools and turns of models are (${placeOf(reason)})`;
  }
  return `${what} was denied: ${code}, ${reason?.message ?? "no reason known"} (${placeOf(reason)})`;
}

function nameOf(thing: DeniedThing): string {
  if ("tool" in thing) return `the call of tool \`${thing.tool}\``;
  if ("model" in thing) return `the turn with model \`${thing.model}\``;
  if ("agent" in thing) return `agent \`${thing.agent}\``;
  return "secret" in thing ? `the use of Secret \`${thing.secret}\`` : `the use of ${thing.server}`;
}

function placeOf(reason: Reason | undefined): string {
  if (reason === undefined || reason.policy === "") return "the gate";
  return `${reason.policy} ${reason.rule}`;
}
