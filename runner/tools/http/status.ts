// What the status of an answer over HTTP means, the same for every tool that is reached that way.
import type { IncomingMessage } from "node:http";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { boundAnswer, cutText } from "../../bound-text.ts";
import type { ToolAnswer } from "../tool.ts";
import type { RemoteSource } from "./send-call.ts";

const QUOTED_BYTES = 500;

/**
 * `result`: 2xx. `complaint`: the tool's own, which the model may read and act on. Throws TOOL_AUTH where the credentials were
 * refused, and TOOL_UNAVAILABLE where it may work later. `text` is what was read of the body.
 */
export function judgeStatus(source: RemoteSource, response: IncomingMessage, text: string): "result" | "complaint" {
  const { label } = source;
  const { statusCode = 0 } = response;
  if (statusCode >= 200 && statusCode < 300) return "result";
  if (statusCode === 401 || statusCode === 403) throw refusedCredentials(source, `${statusCode}`);
  const passing = statusCode >= 500 || statusCode === 408 || statusCode === 429;
  if (!passing) return "complaint";
  const retryAfterMs = retryAfter(response);
  throw new TransientFailure("TOOL_UNAVAILABLE", `${label} answered ${statusCode}: ${cutText(text, QUOTED_BYTES)}`, {
    details: { status: statusCode },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** `totalBytes` is undefined where only a part was received. */
export function complaintOf(
  status: number,
  text: string,
  limitBytes: number,
  totalBytes: number | undefined,
): ToolAnswer {
  const read = boundAnswer(text, limitBytes, totalBytes);
  return { ...read, text: `HTTP ${status}\n${read.text}`, isError: true };
}

/** `said`: the status in the words of its protocol. */
export function refusedCredentials({ label, spec }: Pick<RemoteSource, "label" | "spec">, said: string): Error {
  const where =
    spec.auth?.secret_ref === undefined ? "it has no `auth.secret_ref`" : `check \`${spec.auth.secret_ref}\``;
  return new PermanentFailure("TOOL_AUTH", `${label} refused the credentials (${said}); ${where}`);
}

const MAX_RETRY_AFTER_S = 600;

/** Seconds only; a date would need a clock. */
function retryAfter({ headers }: IncomingMessage): number | undefined {
  const text = headers["retry-after"] ?? "";
  return /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text), MAX_RETRY_AFTER_S) * 1_000 : undefined;
}
