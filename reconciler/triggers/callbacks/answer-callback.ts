// Answers a tool that sends the answer to a call: POST /callbacks/<env>/<call>/<token>. Who does not know the token learns
// nothing; the first answer that is right and in time is taken, and a later one changes nothing.
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { parseAddress } from "../../../contracts/address.ts";
import { failureRecord, PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { SenderAuth } from "../../../contracts/kinds/sender-auth.ts";
import { readContractAnswer } from "../../../contracts/tool-answer.ts";
import { proofOf, secretRefsOf } from "../../../contracts/webhook.ts";
import { type CallbackFacts, digestOfToken, findCallback } from "../../../store/callbacks.ts";
import { answerCallback, type CallbackOutcome } from "../../../store/scripts/callback.ts";
import type { HookAnswer, HookDesk } from "../hooks/answer-hook.ts";
import { isProven } from "../hooks/check-proof.ts";
import { type BodyLimits, readBody } from "../read-body.ts";

/** It is kept in Redis until the runner has read it. */
const BODY: BodyLimits = { maxBytes: 4 * 1024 * 1024, maxMs: 10_000 };
const CALL = /^[0-9a-f]{32}$/;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

type Desk = Pick<HookDesk, "maker" | "state" | "resolveSecret" | "emit">;

/** `path` is what follows `/callbacks/<env>/`. */
export async function answerToolCallback(desk: Desk, path: string, request: IncomingMessage): Promise<HookAnswer> {
  try {
    return await answer(desk, path, request);
  } catch (error) {
    if (error instanceof TransientFailure) return told(503, "try again later");
    if (error instanceof PermanentFailure) return told(500, "answers of this tool cannot be checked");
    throw error;
  }
}

async function answer(desk: Desk, path: string, request: IncomingMessage): Promise<HookAnswer> {
  const { redis, env } = desk.maker;
  const [call = "", token = "", ...rest] = path.split("/");
  if (!CALL.test(call) || !TOKEN.test(token) || rest.length > 0) return unknown();
  const tokenDigest = digestOfToken(token);
  const facts = await findCallback(redis, env, call, tokenDigest);
  if (facts === undefined) return unknown();
  const body = await readBody(request, BODY);
  if (body.outcome === "too-large") return told(413, `send at most ${BODY.maxBytes} bytes`);
  if (body.outcome === "too-slow") return told(408, "too slow");
  if (body.outcome === "cut") return { ...told(400, "cut"), cut: true };
  const { bytes } = body;
  if (!(await isGenuine(desk, facts, request, bytes)))
    return told(401, "the signature is missing or wrong, or too old");
  const text = readText(bytes);
  if (text === undefined) return told(400, "the body is no UTF-8 text");
  const read = readContractAnswer(text, call);
  if (read.outcome === "problem") return told(422, read.why);
  if (read.answer.status === "pending") return { status: 202, body: { taken: false, pending: true } };
  const digest = createHash("sha256").update(bytes).digest("hex");
  return toldOutcome(await answerCallback(redis, env, { request: call, tokenDigest, text, digest }));
}

/** By what the call's own definitions ask for, whatever is applied by now. */
async function isGenuine(
  { maker, state, resolveSecret, emit }: Desk,
  { tool, auth }: CallbackFacts,
  request: IncomingMessage,
  body: Uint8Array,
): Promise<boolean> {
  if (auth === null) return true;
  const proof = auth as SenderAuth;
  const { records } = await state.read();
  const { namespace = "", name = "" } = parseAddress(tool) ?? {};
  const secrets: string[] = [];
  for (const reference of secretRefsOf(proof)) {
    try {
      secrets.push(await resolveSecret(records, reference, namespace, `Tool \`${name}\``));
    } catch (error) {
      if (error instanceof PermanentFailure) emit({ type: "webhook-broken", webhook: tool, ...failureRecord(error) });
      throw error;
    }
  }
  const header = (field: string): string | undefined => {
    const value = request.headers[field];
    return typeof value === "string" ? value : undefined;
  };
  return isProven(proofOf(proof), secrets, { header, body, now: maker.now() });
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function toldOutcome(outcome: CallbackOutcome): HookAnswer {
  switch (outcome) {
    case "taken":
      return { status: 202, body: { taken: true } };
    case "duplicate":
      return { status: 202, body: { taken: true, duplicate: true } };
    case "other":
      return told(409, "another answer was taken before");
    case "over":
      return told(410, "nobody waits for this answer any more");
    case "unknown":
      return unknown();
  }
}

/** The same for a call that is not there and for a token that is not its own. */
function unknown(): HookAnswer {
  return told(404, "there is no such call");
}

function told(status: number, message: string): HookAnswer {
  return { status, body: { error: message } };
}
