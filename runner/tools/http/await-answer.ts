// Waits for the answer to a call that a tool has taken: looks whether it was sent to us, and asks the tool for it.

import { parseDuration } from "../../../contracts/duration.ts";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { waitUnlessAborted } from "../../unless-aborted.ts";
import type { Callbacks } from "../callbacks.ts";
import { type FinalAnswer, finalAnswer } from "../contract/result.ts";
import type { ToolCallContext } from "../tool.ts";
import { CONTRACT_HEADERS, type ContractSource, isTaken, readSaid, type Said } from "./contract-http.ts";
import { endpointOf, sendCall } from "./send-call.ts";

const DEFAULT_POLL_MS = 2_000;
/** How often the store is looked at, which costs no more than a round trip. */
const LOOK_MS = 200;
/** Of one question. */
const POLL_TIMEOUT_MS = 30_000;
/** Failures of a question after which it is asked again: the call itself is under way. */
const PASSING: readonly string[] = ["TOOL_UNAVAILABLE", "HOST_UNREACHABLE", "TOOL_TIMEOUT", "ANSWER_CUT"];

interface AwaitSource extends ContractSource {
  readonly callbacks: Callbacks;
}

/** Until `leftMs` are over: TOOL_TIMEOUT. `canBeSent`: the tool knows where to send its answer. */
export async function awaitAnswer(
  source: AwaitSource,
  context: ToolCallContext,
  leftMs: number,
  canBeSent: boolean,
): Promise<FinalAnswer> {
  const { callbacks, label, spec } = source;
  const { idempotencyKey: request, signal } = context;
  const untilMs = performance.now() + leftMs;
  const everyMs = parseDuration(spec.callback?.poll_interval ?? "") ?? DEFAULT_POLL_MS;
  let pollAtMs = everyMs === 0 ? Number.POSITIVE_INFINITY : performance.now() + everyMs;
  for (;;) {
    const sent = await sentAnswer(source, request);
    if (sent !== undefined) return sent;
    if (performance.now() >= pollAtMs) {
      const polled = await poll(source, context, untilMs - performance.now());
      if (polled === "answers by itself" && canBeSent) pollAtMs = Number.POSITIVE_INFINITY;
      else if (polled === "answers by itself") throw unheard(label);
      else if (polled !== undefined) return polled;
      else pollAtMs = performance.now() + everyMs;
    }
    const nowMs = performance.now();
    if (nowMs >= untilMs) break;
    await waitUnlessAborted(Math.max(1, Math.min(LOOK_MS, untilMs - nowMs, pollAtMs - nowMs)), signal);
  }
  // What was taken before the door was shut counts.
  await callbacks.close(request);
  const late = await sentAnswer(source, request);
  if (late !== undefined) return late;
  throw new TransientFailure("TOOL_TIMEOUT", `${label} took the call and did not answer in time`);
}

async function sentAnswer({ callbacks, label }: AwaitSource, request: string): Promise<FinalAnswer | undefined> {
  const state = await callbacks.read(request).catch(unlessPassing);
  return state?.state === "answered" ? finalAnswer(label, state.text, request) : undefined;
}

/** While Redis is away nobody can look; whether the lease lives that long is for others to say. */
function unlessPassing(error: unknown): undefined {
  if (error instanceof TransientFailure) return undefined;
  throw error;
}

/** undefined: not yet. Nothing that a question comes to says that the call had no effect. */
async function poll(
  source: AwaitSource,
  context: ToolCallContext,
  leftMs: number,
): Promise<FinalAnswer | "answers by itself" | undefined> {
  const { idempotencyKey: request, signal } = context;
  const url = endpointOf(source);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/${request}`;
  const timeoutMs = Math.max(1, Math.min(POLL_TIMEOUT_MS, Math.ceil(leftMs)));
  const call = { method: "GET" as const, url, headers: CONTRACT_HEADERS, timeoutMs };
  try {
    const said: Said = await sendCall(source, call, context, (response, bounded) =>
      readSaid(source, response, context, bounded, isTaken),
    );
    if (said.kind === "complaint") return "answers by itself";
    return said.answer.status === "pending" ? undefined : said.answer;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof TransientFailure && PASSING.includes(error.code)) return undefined;
    if (error instanceof PermanentFailure) throw new TransientFailure(error.code, error.message, { cause: error });
    throw error;
  }
}

function unheard(label: string): TransientFailure {
  const text = `${label} took the call, and does not know of it when it is asked for the answer`;
  return new TransientFailure("TOOL_ANSWER_LOST", text);
}
