// A model turn at the gate: decided, its tokens reserved, and recorded in one piece with its beginning before a permit
// exists.
import { digestText } from "../../contracts/canonical.ts";
import { modelStepId } from "../../contracts/step.ts";
import type { GateRequest } from "../../policies/request.ts";
import type { ApprovalChange } from "../../store/scripts/append.ts";
import type { ModelMessage } from "../models/model.ts";
import { type Asking, mayAsk, settleApproval, unasked } from "./approvals/settle.ts";
import type { Denied, GateOptions, ModelAsk, ModelPermission } from "./ask.ts";
import { boundText } from "./bound.ts";
import { makeDenial } from "./denial.ts";
import { estimateTokens } from "./estimate.ts";
import type { Journal, ModelGrant } from "./grant.ts";
import { budgetDrafts, decisionDraft, idempotencyKey, openJournal } from "./journal.ts";
import { type Judgement, judge, microUsdOf, overBudget, usageOf } from "./judge.ts";
import { modelBeginning } from "./model-effect.ts";
import { ModelPermit } from "./permit.ts";
import type { NotWritten, OverShared } from "./recorder.ts";
import { shareAndBegin } from "./share.ts";
import { reservationOf, type Shares } from "./shared-budgets.ts";

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
  for (let tries = 1; ; ) {
    const request = gateRequest(options, turn);
    const judgement = await judge(options, request, ask.endpoint);
    const answer = await answerTurn(options, turn, judgement);
    if (answer.outcome === "unapproved") continue;
    if (answer.outcome !== "over-budget") return answer;
    if (tries === RESERVATION_TRIES) return refuseTurn(options, turn, overBudget(options, request, judgement));
    tries += 1;
  }
}

/** {@link NotWritten}: it was permitted and did not begin, and is judged anew. */
async function answerTurn(
  options: GateOptions,
  turn: Turn,
  judgement: Judgement,
): Promise<ModelPermission | NotWritten> {
  const asks = mayAsk(options, judgement);
  const settled = asks ? await settleApproval(options, askingOf(options, turn), judgement) : unasked(judgement);
  if (settled.outcome === "waiting") return settled;
  if (settled.outcome === "refused") return refuseTurn(options, turn, settled.judgement, settled.approval);
  const begun = await shareAndBegin(options, settled.judgement, (permitted, shares) =>
    permitTurn(options, turn, permitted, { approval: settled.approval, shares }),
  );
  return begun.outcome === "refused" ? refuseTurn(options, turn, begun.judgement) : begun;
}

function openTurn(options: GateOptions, ask: ModelAsk): Turn {
  const step = ask.step ?? modelStepId(ask.turn, ask.retry);
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
      requestDigest: digestOf(ask),
    },
  };
}

function digestOf({ request }: ModelAsk): string {
  return digestText(JSON.stringify(request));
}

/** An approval is for one answer: all tries of a turn, also after a takeover, are about the same request. */
function askingOf(options: GateOptions, { ask, step, reserveTokens, reserveMicroUsd, journal, facts }: Turn): Asking {
  const { turn, endpoint, request, model } = ask;
  const asked = { model: request.model, provider: model.provider, endpoint: endpoint ?? null };
  const bound = { ...asked, requestDigest: digestOf(ask) };
  return {
    turn,
    bound,
    boundStep: modelStepId(turn, 0),
    journal,
    decided: "turn.decided",
    facts,
    waits: {
      activation: options.activation,
      step,
      state: "decided",
      idempotencyKey: idempotencyKey(options, step),
      ...(endpoint === undefined ? {} : { endpoint }),
    },
    show: () => ({
      about: "model",
      ...bound,
      reserveTokens,
      reserveMicroUsd,
      messages: request.messages.length,
      lastMessage: shownMessage(options, request.messages.at(-1)),
    }),
    find: (book, binding) => book.findTurn(turn, binding),
  };
}

function shownMessage({ redactor }: GateOptions, message: ModelMessage | undefined): { role: string; text: string } {
  if (message === undefined) return { role: "system", text: "" };
  const role = message.role === "tool" ? `tool ${boundText(message.tool, redactor)}` : message.role;
  return { role, text: boundText(message.text, redactor) };
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

interface Beside {
  readonly approval: ApprovalChange | undefined;
  readonly shares: Shares | undefined;
}

async function permitTurn(
  options: GateOptions,
  turn: Turn,
  judgement: Judgement,
  { approval, shares }: Beside,
): Promise<ModelPermission | NotWritten | OverShared> {
  const { ask, step, reserveTokens, reserveMicroUsd, journal, facts } = turn;
  const { decision, ceilings } = judgement;
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
    reservation: reservationOf(shares),
    price: ask.price,
  };
  const begins = modelBeginning(grant);
  const answer = await options.recorder.record(
    [decisionDraft(journal, "turn.decided", judgement, facts), begins.draft],
    {
      step: begins.step,
      charge: { kind: "reserve", tokens: reserveTokens, limit: ceilings.tokens, microUsd, limits: ceilings },
      ...(approval === undefined ? {} : { approval }),
      ...(shares === undefined ? {} : { shared: shares }),
    },
  );
  if (answer.outcome !== "appended") return answer;
  return { outcome: "permitted", permit: ModelPermit.mint(grant), decision };
}

/** A model that is refused ends the task whatever the policy says: there is nobody left to read the denial. */
async function refuseTurn(
  options: GateOptions,
  turn: Turn,
  judgement: Judgement,
  approval?: ApprovalChange,
): Promise<Denied> {
  const { decision } = judgement;
  const { journal, facts } = turn;
  const spent = budgetDrafts(journal, decision, {
    limit: judgement.ceilings.tokens,
    spent: usageOf(options).tokens,
    ...facts,
  });
  const drafts = [decisionDraft(journal, "turn.decided", judgement, facts), ...spent];
  await options.recorder.record(drafts, approval === undefined ? {} : { approval });
  return { outcome: "denied", denial: makeDenial(decision, { model: turn.ask.request.model }), decision, stop: true };
}
