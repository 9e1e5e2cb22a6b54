// A model turn at the gate: decided, its tokens reserved, and recorded in one piece with its beginning before a permit
// exists.
import { digestText } from "../../contracts/canonical.ts";
import { modelStepId } from "../../contracts/step.ts";
import type { GateRequest } from "../../policies/request.ts";
import type { Denied, GateOptions, ModelAsk, ModelPermission } from "./ask.ts";
import { makeDenial } from "./denial.ts";
import { estimateTokens } from "./estimate.ts";
import type { Journal, ModelGrant } from "./grant.ts";
import { budgetDrafts, decisionDraft, idempotencyKey, openJournal } from "./journal.ts";
import { type Judgement, judge, microUsdOf, overBudget, reserve, usageOf } from "./judge.ts";
import { modelBeginning } from "./model-effect.ts";
import { ModelPermit } from "./permit.ts";
import { NOTHING_USED, settleShared } from "./shared-budgets.ts";

/** How often a parallel branch may be faster before the budget counts as spent. */
const RESERVATION_TRIES = 3;

interface Turn {
  readonly ask: ModelAsk;
  readonly step: string;
  readonly reserveTokens: number;
  /** Millionths of a US dollar; null: the price is unknown. */
  readonly reserveMicroUsd: number | null;
  readonly journal: Journal;
  readonly facts: Readonly<Record<string, unknown>>;
}

export async function requestModel(options: GateOptions, ask: ModelAsk): Promise<ModelPermission> {
  const turn = openTurn(options, ask);
  for (let tries = 1; ; tries += 1) {
    const request = gateRequest(options, turn);
    const judgement = await reserve(options, await judge(options, request, ask.endpoint));
    if (!judgement.permitted) return refuseTurn(options, turn, judgement);
    const permission = await permitTurn(options, turn, judgement);
    if (permission !== undefined) return permission;
    if (tries === RESERVATION_TRIES) return refuseTurn(options, turn, overBudget(options, request, judgement));
  }
}

function openTurn(options: GateOptions, ask: ModelAsk): Turn {
  const step = modelStepId(ask.turn, ask.retry);
  const reserveTokens = estimateTokens(ask.request, ask.model.toolPromptTokens);
  return {
    ask,
    step,
    reserveTokens,
    reserveMicroUsd: microUsdOf(highestCost(ask, reserveTokens)),
    journal: openJournal(options, { turn: ask.turn, step }),
    facts: {
      model: ask.request.model,
      provider: ask.model.provider,
      ...(ask.endpoint === undefined ? {} : { endpoint: ask.endpoint }),
      reserveTokens,
      requestDigest: digestText(JSON.stringify(ask.request)),
    },
  };
}

/** As if all of the input were of the dearer kind, read anew or written to the provider's cache. */
function highestCost({ price, request }: ModelAsk, reserveTokens: number): number | null {
  if (price === null) return null;
  const { model, maxOutputTokens } = request;
  const inputTokens = Math.max(0, reserveTokens - maxOutputTokens);
  const used = { model, inputTokens, outputTokens: maxOutputTokens };
  const costs = [price(used), price({ ...used, cacheWriteTokens: inputTokens })].filter((cost) => cost !== null);
  return costs.length === 0 ? null : Math.max(...costs);
}

function gateRequest(options: GateOptions, { ask, reserveTokens, reserveMicroUsd }: Turn): GateRequest {
  return {
    point: "before_model",
    subject: options.subject,
    model: ask.request.model,
    provider: ask.model.provider,
    reserveTokens,
    reserveMicroUsd,
    usage: usageOf(options),
    ...(ask.reach === undefined ? {} : { uses: ask.reach }),
  };
}

/** undefined: another branch of the task spent the tokens in the meantime, and nothing was recorded. */
async function permitTurn(
  options: GateOptions,
  turn: Turn,
  judgement: Judgement,
): Promise<ModelPermission | undefined> {
  const { ask, step, reserveTokens, reserveMicroUsd, journal, facts } = turn;
  const { decision, ceilings, reservation } = judgement;
  const microUsd = reserveMicroUsd ?? 0;
  const grant: ModelGrant = {
    activation: options.activation,
    step,
    idempotencyKey: idempotencyKey(options, step),
    decisionId: decision.decisionId,
    journal,
    model: ask.model,
    endpoint: ask.endpoint,
    request: ask.request,
    reservedTokens: reserveTokens,
    reservedMicroUsd: microUsd,
    shared: { budgets: options.budgets, reservation },
    price: ask.price,
  };
  const begins = modelBeginning(grant);
  const answer = await options.recorder.record(
    [decisionDraft(journal, "turn.decided", judgement, facts), begins.draft],
    {
      step: begins.step,
      charge: { kind: "reserve", tokens: reserveTokens, limit: ceilings.tokens, microUsd, limits: ceilings },
    },
  );
  if (answer.outcome === "over-budget") {
    await settleShared(options.budgets, reservation, NOTHING_USED);
    return undefined;
  }
  return { outcome: "permitted", permit: ModelPermit.mint(grant), decision };
}

/** A model that is refused ends the task whatever the policy says: there is nobody left to read the denial. */
async function refuseTurn(options: GateOptions, turn: Turn, judgement: Judgement): Promise<Denied> {
  const { decision } = judgement;
  const { journal, facts } = turn;
  const spent = budgetDrafts(journal, decision, {
    limit: judgement.ceilings.tokens,
    spent: usageOf(options).tokens,
    ...facts,
  });
  await options.recorder.record([decisionDraft(journal, "turn.decided", judgement, facts), ...spent]);
  return { outcome: "denied", denial: makeDenial(decision, { model: turn.ask.request.model }), decision, stop: true };
}
