// Makes the events of one step.
import { digestText } from "../../contracts/canonical.ts";
import type { Decision } from "../../contracts/decision.ts";
import { recordRequest } from "../../contracts/recorded-request.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { JudgeOptions } from "./ask.ts";
import type { Journal } from "./grant.ts";
import type { Judgement } from "./judge.ts";

export function openJournal(options: JudgeOptions, place: { readonly turn?: number; readonly step?: string }): Journal {
  const { recorder, redactor, clock, activation, subject } = options;
  return {
    recorder,
    redactor,
    clock,
    draft: (type, data, at = clock.now().toISOString()) => ({
      type,
      at,
      activation,
      agent: subject.agent,
      data,
      ...place,
    }),
  };
}

/** CONTRACT: the decision's fields are the event's. `facts` say what was decided about. */
export function decisionDraft(
  journal: Journal,
  type: "turn.decided" | "tool.decided",
  { decision, request, livePolicyDigest }: Judgement,
  facts: Readonly<Record<string, unknown>>,
): TraceDraft {
  const { decisionId, at, point, effect, code, reasons, enforced, policyDigest, micros } = decision;
  const asked = journal.redactor.value(recordRequest(request));
  const live = livePolicyDigest === undefined ? {} : { livePolicyDigest };
  // Spreads last: an object that begins with one and then gets a dozen fields takes V8 a hundred times as long to make.
  return journal.draft(
    type,
    {
      decisionId,
      point,
      effect,
      code,
      reasons,
      enforced,
      policyDigest,
      micros,
      request: asked,
      ...live,
      ...facts,
    },
    at,
  );
}

/** The event of a spent budget, where that is what the decision says. */
export function budgetDrafts(
  journal: Journal,
  decision: Decision,
  facts: Readonly<Record<string, unknown>>,
): TraceDraft[] {
  if (!decision.code.startsWith("BUDGET_")) return [];
  const message = decision.reasons.find((reason) => reason.code === decision.code)?.message ?? decision.code;
  return [
    journal.draft("budget.exceeded", { ...facts, code: decision.code, message, decisionId: decision.decisionId }),
  ];
}

/** The same for every use of one step's name, and of no other: 128 bits of the step's full name. */
export function idempotencyKey({ task, activation }: JudgeOptions, step: string): string {
  const name = [task.env, task.namespace, task.name, activation, step].join("\n");
  return digestText(name).slice("sha256:".length, "sha256:".length + 32);
}
