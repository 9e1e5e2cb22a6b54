// A tool call at the gate: its arguments checked, decided, and recorded in one piece with its beginning before a
// permit exists.
import { MAX_NAME_LENGTH } from "../../contracts/address.ts";
import { digestOf } from "../../contracts/canonical.ts";
import type { Denial } from "../../contracts/decision.ts";
import { type StepRecord, type ToolCall, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import { toolKey } from "../../policies/names.ts";
import type { GateRequest, ToolFacts } from "../../policies/request.ts";
import type { ApprovalChange } from "../../store/scripts/append.ts";
import type { Tool } from "../tools/tool.ts";
import { type Asking, mayAsk, settleApproval, unasked } from "./approvals/settle.ts";
import type { GateOptions, RepeatedCall, ToolAsk, ToolPermission } from "./ask.ts";
import { boundText, boundValue } from "./bound.ts";
import { cleanCall } from "./clean-call.ts";
import { denialResult, makeDenial } from "./denial.ts";
import type { Journal, ToolGrant } from "./grant.ts";
import { budgetDrafts, decisionDraft, idempotencyKey, openJournal } from "./journal.ts";
import { type Judgement, judge, overBudget, usageOf } from "./judge.ts";
import { ToolPermit } from "./permit.ts";
import type { NotWritten, OverShared } from "./recorder.ts";
import { createRedactor, wellFormed } from "./redact.ts";
import { shareAndBegin } from "./share.ts";
import type { Shares } from "./shared-budgets.ts";
import { toolBeginning } from "./tool-effect.ts";

/** How often a parallel branch may be faster before the budget counts as spent. */
const RESERVATION_TRIES = 3;

/** Redacts nothing: a tool gets its arguments as they are. */
const UNICODE = createRedactor([]);

interface Call {
  readonly ask: ToolAsk;
  readonly name: string;
  readonly step: string;
  readonly argumentsDigest: string;
  readonly journal: Journal;
}

/** A denial comes before a complaint about arguments: a blocked tool is blocked with any. */
export async function requestTool(options: GateOptions, from: ToolAsk): Promise<ToolPermission> {
  const ask = { ...from, call: cleanCall(from.call, UNICODE) };
  const tool = options.toolBox.find(ask.call.tool);
  const call = openCall(options, ask, tool);
  for (let tries = 1; ; ) {
    const request = gateRequest(options, call);
    const judgement = await judge(options, request);
    const answer = await answerCall(options, call, tool, judgement);
    if (answer.outcome === "unapproved") continue;
    if (answer.outcome !== "over-budget") return answer;
    if (tries === RESERVATION_TRIES) return refuseCall(options, call, overBudget(options, request, judgement));
    tries += 1;
  }
}

/** {@link NotWritten}: it was permitted and did not begin, and is judged anew. */
async function answerCall(
  options: GateOptions,
  call: Call,
  tool: Tool | undefined,
  judgement: Judgement,
): Promise<ToolPermission | NotWritten> {
  const { ask } = call;
  const asks = mayAsk(options, judgement);
  if (tool === undefined || !(judgement.permitted || asks)) return refuseCall(options, call, judgement);
  const problem = argumentProblem(options, ask, tool);
  if (problem !== undefined) return rejectArguments(options, call, problem);
  if (ask.repeats !== undefined) return repeatCall(options, call, ask.repeats);
  const settled = asks ? await settleApproval(options, askingOf(options, call, tool), judgement) : unasked(judgement);
  if (settled.outcome === "waiting") return settled;
  if (settled.outcome === "refused") return refuseCall(options, call, settled.judgement, settled.approval);
  const begun = await shareAndBegin(options, settled.judgement, (permitted, shares) =>
    permitCall(options, call, tool, { judgement: permitted, approval: settled.approval, shares }),
  );
  return begun.outcome === "refused" ? refuseCall(options, call, begun.judgement) : begun;
}

function askingOf(options: GateOptions, call: Call, tool: Tool): Asking {
  const { ask, name, step, argumentsDigest, journal } = call;
  const { definitionDigest, operationClasses, effect } = tool;
  const bound = { tool: name, argumentsDigest, definitionDigest };
  const shown = (): unknown => boundValue(ask.call.arguments, options.redactor);
  return {
    turn: ask.turn,
    bound,
    boundStep: step,
    journal,
    decided: "tool.decided",
    facts: { tool: name, callId: ask.call.id, argumentsDigest },
    waits: {
      activation: options.activation,
      step,
      state: "decided",
      idempotencyKey: idempotencyKey(options, toolStepId(ask.turn, ask.index)),
      effect,
    },
    show: () => ({ about: "tool", ...bound, operationClasses, arguments: shown() }),
    find: (book) => book.findCall(step),
  };
}

function openCall(options: GateOptions, ask: ToolAsk, tool: Tool | undefined): Call {
  const step = ask.step ?? toolStepId(ask.turn, ask.index, ask.retry);
  return {
    ask,
    name: tool?.definition.name ?? unknownName(ask.call.tool),
    step,
    argumentsDigest: digestOf(ask.call.arguments),
    journal: openJournal(options, { turn: ask.turn, step }),
  };
}

/** A model may write anything where a name belongs. */
function unknownName(written: string): string {
  return wellFormed(written.trim().slice(0, MAX_NAME_LENGTH)) || "(no name)";
}

/** As the gate knows it. */
export function factsOfTool({ toolBox }: GateOptions, { tool: written }: ToolCall): ToolFacts {
  const tool = toolBox.find(written);
  return {
    name: tool?.definition.name ?? unknownName(written),
    known: tool !== undefined,
    capabilities: tool?.capabilities ?? [],
    operationClasses: tool?.operationClasses ?? [],
    ...(tool?.data === undefined ? {} : { data: tool.data }),
  };
}

function gateRequest(options: GateOptions, { ask }: Call): GateRequest {
  const facts = factsOfTool(options, ask.call);
  const { subject, grants } = options;
  return { point: "before_tool", subject, grants, tool: facts, arguments: ask.call.arguments, usage: usageOf(options) };
}

function argumentProblem({ argumentCheck }: GateOptions, { call }: ToolAsk, tool: Tool): string | undefined {
  if (call.malformed !== undefined) return "the arguments are no JSON object";
  return argumentCheck.problem(tool.definition, tool.definitionDigest, call.arguments);
}

/** No decision is recorded here: nothing was allowed to happen, and nothing did. */
async function rejectArguments(options: GateOptions, call: Call, problem: string): Promise<ToolPermission> {
  const { redactor } = options;
  const code = "TOOL_ARGUMENTS_INVALID";
  const result: ToolResult = { isError: true, text: redactor.text(`${code}: ${problem}. Nothing was called.`) };
  const data = {
    tool: call.name,
    code,
    message: boundText(problem, redactor),
    arguments: boundValue(call.ask.call.malformed ?? call.ask.call.arguments, redactor),
    argumentsDigest: call.argumentsDigest,
  };
  await options.recorder.record([call.journal.draft("tool.failed", data)], failedStep(options, call, result));
  return { outcome: "invalid", result };
}

/** As for arguments that do not fit: nothing happens, so no decision is recorded, only what the model reads. */
async function repeatCall(options: GateOptions, call: Call, { step, result }: RepeatedCall): Promise<ToolPermission> {
  const { journal, name, argumentsDigest, ask } = call;
  const type = result.isError ? "tool.failed" : "tool.answered";
  const data = { tool: name, callId: ask.call.id, code: "DUPLICATE_TOOL_CALL", repeats: step, argumentsDigest };
  await options.recorder.record([journal.draft(type, data)], failedStep(options, call, result));
  return { outcome: "repeated", result };
}

interface Permitted {
  readonly judgement: Judgement;
  readonly approval: ApprovalChange | undefined;
  readonly shares: Shares | undefined;
}

async function permitCall(
  options: GateOptions,
  call: Call,
  tool: Tool,
  { judgement, approval, shares }: Permitted,
): Promise<ToolPermission | NotWritten | OverShared> {
  const { step, journal, argumentsDigest, ask } = call;
  const grant: ToolGrant = {
    activation: options.activation,
    step,
    idempotencyKey: keyOf(options, ask),
    decisionId: judgement.decision.decisionId,
    journal,
    tool,
    call: ask.call,
    argumentsDigest,
    carried: options.carried,
    ...(ask.resumes === undefined ? {} : { resumes: ask.resumes }),
    ...(options.artifacts === undefined ? {} : { artifacts: options.artifacts }),
  };
  const begins = toolBeginning(grant);
  const facts = { tool: call.name, callId: ask.call.id, argumentsDigest };
  const { ceilings: limits } = judgement;
  // Tokens are for models: what the task has spent of them was judged, and this call takes none.
  const charge = { kind: "reserve", tokens: 0, limit: null, tool: toolKey(call.name), limits } as const;
  const drafts = [decisionDraft(journal, "tool.decided", judgement, facts), begins.draft];
  const answer = await options.recorder.record(drafts, {
    step: begins.step,
    charge,
    ...(approval === undefined ? {} : { approval }),
    ...(shares === undefined ? {} : { shared: shares }),
  });
  if (answer.outcome !== "appended") return answer;
  return { outcome: "permitted", permit: ToolPermit.mint(grant), decision: judgement.decision };
}

/**
 * A hard stop leaves no step behind: a takeover that comes between it and the task's end asks again and is stopped again,
 * where a recorded result would let it go on.
 */
async function refuseCall(
  options: GateOptions,
  call: Call,
  judgement: Judgement,
  approval?: ApprovalChange,
): Promise<ToolPermission> {
  const { decision } = judgement;
  const denial = makeDenial(decision, { tool: call.name });
  const result = denialResult(denial);
  const stop = !judgement.refuseOnly;
  const change = {
    ...(stop ? {} : failedStep(options, call, result)),
    ...(approval === undefined ? {} : { approval }),
  };
  await options.recorder.record(denialDrafts(options, call, judgement, denial), change);
  return { outcome: "denied", denial, decision, stop, result };
}

function denialDrafts(options: GateOptions, call: Call, judgement: Judgement, denial: Denial): TraceDraft[] {
  const { journal, name, argumentsDigest, ask } = call;
  const { decision } = judgement;
  const denied = {
    tool: name,
    callId: ask.call.id,
    ...denial,
    decisionId: decision.decisionId,
    arguments: boundValue(ask.call.malformed ?? ask.call.arguments, options.redactor),
    argumentsDigest,
  };
  return [
    decisionDraft(journal, "tool.decided", judgement, { tool: name, callId: ask.call.id, argumentsDigest }),
    journal.draft("tool.denied", denied),
    ...budgetDrafts(journal, decision, {
      limit: judgement.ceilings.tokens,
      spent: usageOf(options).tokens,
      tool: name,
    }),
  ];
}

/** All tries of one call share it. */
function keyOf(options: GateOptions, { turn, index, step }: ToolAsk): string {
  return idempotencyKey(options, step ?? toolStepId(turn, index));
}

function failedStep(options: GateOptions, { step, ask }: Call, result: ToolResult): { readonly step: StepRecord } {
  const key = keyOf(options, ask);
  return { step: { activation: options.activation, step, state: "failed", idempotencyKey: key, tool: result } };
}
