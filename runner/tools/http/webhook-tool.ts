// Tools of type webhook-callback: the tool contract's request is posted and taken, and the answer comes later: it is sent to us,
// or asked for. Whoever takes the call over waits for the same answer.
import { addressOf } from "../../../contracts/address.ts";
import { TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import type { Callbacks } from "../callbacks.ts";
import { type FinalAnswer, finalAnswer, resultOf } from "../contract/result.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { timeoutMsOf } from "../tool-facts.ts";
import { awaitAnswer } from "./await-answer.ts";
import { boundsOf, type ContractSource, contractPost, isTaken, readSaid, requestOf } from "./contract-http.ts";
import { sendCall } from "./send-call.ts";

export interface WebhookSource extends ContractSource {
  readonly callbacks: Callbacks;
}

/** Whether a call that was begun before still waits for its answer, or has it. */
export async function isAwaited({ callbacks }: WebhookSource, request: string): Promise<boolean> {
  const { state } = await callbacks.read(request);
  return state === "open" || state === "accepted" || state === "answered";
}

/**
 * A call that ends in a failure is given up, so that a further try begins anew. One that is aborted is not: another runner may
 * go on with it.
 */
export async function callWebhookTool(
  source: WebhookSource,
  args: Readonly<Record<string, unknown>>,
  context: ToolCallContext,
): Promise<ToolAnswer> {
  const { callbacks } = source;
  const { idempotencyKey: request, signal } = context;
  signal.throwIfAborted();
  try {
    const said = (await answeredBefore(source, request)) ?? (await postAndWait(source, args, context));
    if (said.kind === "complaint") {
      await callbacks.drop(request);
      return said.result;
    }
    const result = resultOf(said.answer, boundsOf(source, context));
    await callbacks.keep(request);
    return result;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    // Where Redis is away, its time will be over.
    await callbacks.drop(request).catch(() => undefined);
    throw error;
  }
}

type Final =
  | { readonly kind: "answer"; readonly answer: FinalAnswer }
  | { readonly kind: "complaint"; readonly result: ToolAnswer };

async function answeredBefore({ callbacks, label }: WebhookSource, request: string): Promise<Final | undefined> {
  const state = await callbacks.read(request);
  if (state.state !== "answered") return undefined;
  return { kind: "answer", answer: finalAnswer(label, state.text, request) };
}

/** It was waited for when the gate was asked, and is not any more. */
function tooLate({ label }: WebhookSource): TransientFailure {
  return new TransientFailure("TOOL_TIMEOUT", `${label} took the call and did not answer in time`);
}

/** Posted once: not where the tool has taken it, nor where a write may have arrived. */
async function postAndWait(
  source: WebhookSource,
  args: Readonly<Record<string, unknown>>,
  context: ToolCallContext,
): Promise<Final> {
  const { callbacks, spec, credentials, namespace, tool } = source;
  const { idempotencyKey: request } = context;
  const auth = spec.callback?.auth ?? null;
  const facts = { tool: addressOf({ kind: "Tool", namespace, name: tool }), auth };
  const begun = await callbacks.begin(request, timeoutMsOf(spec.runtime?.timeout), facts).catch((error: unknown) => {
    throw withoutEffect(error);
  });
  if (begun.place !== undefined) credentials.secrets.note(begun.place.token);
  if (begun.outcome === "begun" && context.resumes === true) throw tooLate(source);
  const isPosted = begun.outcome === "found" && (begun.state === "accepted" || context.resumes === true);
  if (!isPosted) {
    const place = begun.place === undefined ? {} : { callback_url: begun.place.url };
    const call = contractPost(source, { ...requestOf(source, args, request), ...place }, begun.leftMs);
    const said = await sendCall(source, call, context, (response, bounded) =>
      readSaid(source, response, context, bounded, isTaken),
    );
    if (said.kind === "complaint") return said;
    if (said.answer.status !== "pending") return { kind: "answer", answer: said.answer };
    await callbacks.accept(request);
  }
  const answer = await awaitAnswer(source, context, begun.leftMs, begun.place !== undefined);
  return { kind: "answer", answer };
}
