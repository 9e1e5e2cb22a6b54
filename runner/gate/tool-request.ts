// A tool call at the gate: its arguments checked, decided, and recorded in one piece with its beginning before a
// permit exists.
import { MAX_NAME_LENGTH } from "../../contracts/address.ts";
import { digestOf } from "../../contracts/canonical.ts";
import type { Denial } from "../../contracts/decision.ts";
import { type StepRecord, type ToolResult, toolStepId } from "../../contracts/step.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { GateRequest, ToolFacts } from "../../policies/request.ts";
import type { ApprovalChange } from "../../store/scripts/append.ts";
import type { Tool } from "../tools/tool.ts";
import { settleApproval } from "./approvals/settle.ts";
import type { GateOptions, RepeatedCall, ToolAsk, ToolPermission } from "./ask.ts";
import { boundText, boundValue } from "./bound.ts";
import { cleanCall } from "./clean-call.ts";
import { denialResult, makeDenial } from "./denial.ts";
import type { Journal, ToolGrant } from "./grant.ts";
import { budgetDrafts, decisionDraft, idempotencyKey, openJournal } from "./journal.ts";
import { type Judgement, judge, usageOf } from "./judge.ts";
import { ToolPermit } from "./permit.ts";
import { createRedactor, wellFormed } from "./redact.ts";
import { toolBeginning } from "./tool-effect.ts";

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
  const judgement = await judge(options, gateRequest(options, call, tool));
  const mayAsk = judgement.asked !== undefined && options.approvals !== undefined;
  if (tool === undefined || !(judgement.permitted || mayAsk)) return refuseCall(options, call, judgement);
  const problem = argumentProblem(options, ask, tool);
  if (problem !== undefined) return rejectArguments(options, call, problem);
  if (ask.repeats !== undefined) return repeatCall(options, call, ask.repeats);
  return mayAsk ? askFirst(options, call, tool, judgement) : permitOrFail(options, call, tool, judgement);
}

/** Once more where the answer that was to be used has gone, because its time was over. */
async function askFirst(options: GateOptions, call: Call, tool: Tool, judgement: Judgement): Promise<ToolPermission> {
  for (;;) {
    const settled = await settleApproval(options, call, tool, judgement);
    switch (settled.outcome) {
      case "waiting":
        return settled;
      case "refused":
        return refuseCall(options, call, settled.judgement, settled.approval);
      case "approved": {
        const permission = await permitCall(options, call, tool, settled.judgement, settled.approval);
        if (permission !== undefined) return permission;
      }
    }
  }
}

async function permitOrFail(
  options: GateOptions,
  call: Call,
  tool: Tool,
  judgement: Judgement,
): Promise<ToolPermission> {
  const permission = await permitCall(options, call, tool, judgement);
  if (permission === undefined) throw new TypeError("a record without an approval was refused for one");
  return permission;
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

function gateRequest(options: GateOptions, { ask, name }: Call, tool: Tool | undefined): GateRequest {
  const facts: ToolFacts = {
    name,
    known: tool !== undefined,
    capabilities: tool?.capabilities ?? [],
    operationClasses: tool?.operationClasses ?? [],
  };
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

/** undefined: the approval cannot be used any more, and nothing was recorded. */
async function permitCall(
  options: GateOptions,
  call: Call,
  tool: Tool,
  judgement: Judgement,
  approval?: ApprovalChange,
): Promise<ToolPermission | undefined> {
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
  };
  const begins = toolBeginning(grant);
  const facts = { tool: call.name, callId: ask.call.id, argumentsDigest };
  const answer = await options.recorder.record(
    [decisionDraft(journal, "tool.decided", judgement, facts), begins.draft],
    {
      step: begins.step,
      ...(approval === undefined ? {} : { approval }),
    },
  );
  if (answer.outcome === "unapproved") return undefined;
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
    ...budgetDrafts(journal, decision, { limit: judgement.ceiling, spent: usageOf(options).tokens, tool: name }),
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
