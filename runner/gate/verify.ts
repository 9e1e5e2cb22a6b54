// Asks a tool whether a write of another one has happened: a gated step of its own, whose answer is written down as a
// person's word would be. What it is asked and how it answers is told in docs/tasks.md.
import { type StepRecord, type ToolCall, type ToolResult, toolStepId, verifyStepId } from "../../contracts/step.ts";
import { cutText } from "../bound-text.ts";
import type { GateOptions } from "./ask.ts";
import { labelled, labelsOfCall } from "./carried.ts";
import { callTool } from "./door.ts";
import { idempotencyKey, openJournal } from "./journal.ts";
import { requestTool } from "./tool-request.ts";

export interface VerifyAsk {
  readonly turn: number;
  readonly index: number;
  /** Which try of the write is in doubt. */
  readonly retry: number;
  /** The write. */
  readonly call: ToolCall;
  /** The tool that is asked. */
  readonly verify: string;
  /** Counted from 1: each time that it is asked is a step. */
  readonly round: number;
}

export type Verdict =
  /** `result` stands for that of the write from now on, and is recorded. */
  | { readonly happened: "yes"; readonly result: ToolResult }
  | { readonly happened: "no" }
  | { readonly happened: "unknown"; readonly why: string };

/** Throws only the signal's reason, and what the journal throws. */
export async function verifyTool(options: GateOptions, ask: VerifyAsk, signal: AbortSignal): Promise<Verdict> {
  const verdict = await askTool(options, ask, signal);
  await recordVerdict(options, ask, verdict);
  return verdict;
}

/**
 * The manifest of the write names the tool, which stands for the agent's listing it; every other rule holds for it. Nobody
 * is asked: a question about a question would keep the write in doubt for longer.
 */
async function askTool(options: GateOptions, ask: VerifyAsk, signal: AbortSignal): Promise<Verdict> {
  const { turn, index, retry, call, verify, round } = ask;
  const { grants } = options;
  const asked = {
    id: `${call.id}.v${round}`,
    tool: verify,
    arguments: {
      tool: call.tool,
      arguments: call.arguments,
      idempotency_key: idempotencyKey(options, toolStepId(turn, index)),
    },
  };
  const { approvals: _, ...alone } = options;
  const listed = { ...alone, grants: { ...grants, tools: [...grants.tools, verify] } };
  const step = verifyStepId(turn, index, round);
  const permission = await requestTool(listed, { turn, index, retry, call: asked, step });
  if (permission.outcome === "waiting") return unsure(`${verify} waits for an approval`);
  if (permission.outcome === "denied") return unsure(`${verify} was denied: ${permission.denial.code}`);
  if (permission.outcome !== "permitted") return unsure(permission.result.text);
  const answer = await callTool(permission.permit, signal);
  if (answer.outcome === "unknown") return unsure(`${answer.failure.code}: ${answer.failure.message}`);
  return answer.result.isError ? unsure(answer.result.text) : readVerdict(verify, answer.result.text);
}

/** `{"happened": true | false | null, "result": what the write answered}`; whatever else it says, nobody knows. */
function readVerdict(verify: string, text: string): Verdict {
  const { happened, result } = readObject(text);
  if (happened === false) return { happened: "no" };
  if (happened === null) return unsure(`${verify} does not know`);
  if (happened !== true) return unsure(`${verify} answered no JSON object with \`happened\``);
  const told = typeof result === "string" ? result : result === undefined ? CONFIRMED : JSON.stringify(result);
  return { happened: "yes", result: { text: told, isError: false } };
}

const CONFIRMED = "It was done. The tool's own answer is lost.";

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    // Text that is no JSON says nothing.
    return {};
  }
}

const LONGEST_WHY = 300;

function unsure(why: string): Verdict {
  return { happened: "unknown", why: cutText(why, LONGEST_WHY) };
}

const ANSWERS = { yes: "done", no: "retry", unknown: "unknown" } as const;

async function recordVerdict(options: GateOptions, ask: VerifyAsk, verdict: Verdict): Promise<void> {
  const { turn, index, retry, verify } = ask;
  const step = toolStepId(turn, index, retry);
  const data = { about: "unknown-effect", answer: ANSWERS[verdict.happened], by: `tool ${verify}` };
  const draft = openJournal(options, { turn, step }).draft("approval.decided", data);
  if (verdict.happened !== "yes") return void (await options.recorder.record([draft]));
  const key = idempotencyKey(options, toolStepId(turn, index));
  const written = options.toolBox.find(ask.call.tool);
  const labels = written === undefined ? [] : labelsOfCall(written, `${options.activation} ${step}`);
  options.carried.add(labels);
  const done: StepRecord = {
    activation: options.activation,
    step,
    state: "done",
    idempotencyKey: key,
    effect: "write",
    tool: verdict.result,
    ...labelled(labels),
  };
  await options.recorder.record([draft], { step: done });
}
