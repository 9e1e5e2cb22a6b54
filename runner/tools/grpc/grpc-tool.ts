// Tools of type grpc: one unary call of a method, its arguments a message of its own or the tool contract's request.
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { parseEndpoint } from "../../../contracts/grpc-endpoint.ts";
import { boundAnswer, cutText } from "../../bound-text.ts";
import { unlessAborted } from "../../unless-aborted.ts";
import { contractRequest } from "../contract/request.ts";
import { finalAnswer, resultOf } from "../contract/result.ts";
import { openCredentials } from "../credentials.ts";
import { boundsOf, type ContractSource } from "../http/contract-http.ts";
import { refusedCredentials } from "../http/status.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { timeoutMsOf } from "../tool-facts.ts";
import { checkEndpoint } from "./endpoint.ts";
import { openMethod } from "./messages.ts";
import { callUnary, type UnaryAnswer } from "./unary.ts";

/** What tools of Orloj offer. */
const CONTRACT_SERVICE = "orloj.tool.v1.ToolService";
const CONTRACT_METHOD = "Execute";
const QUOTED = 500;

/** A method, and what becomes of arguments and answers. */
interface Speech {
  readonly path: string;
  readonly body: Buffer;
  read(bytes: Uint8Array): ToolAnswer;
}

export async function callGrpcTool(
  source: ContractSource,
  args: Readonly<Record<string, unknown>>,
  context: ToolCallContext,
): Promise<ToolAnswer> {
  const { signal } = context;
  signal.throwIfAborted();
  const speech = speechOf(source, args, context);
  const timeoutMs = timeoutMsOf(source.spec.runtime?.timeout);
  const late = AbortSignal.timeout(timeoutMs);
  const bounded = AbortSignal.any([signal, late]);
  let sent = false;
  const onSending = (): void => {
    context.checkLease();
    sent = true;
  };
  try {
    return await answerOf(source, speech, { bounded, timeoutMs, onSending, key: context.idempotencyKey });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!late.aborted) throw error;
    const failure = new TransientFailure("TOOL_TIMEOUT", `${source.label} did not answer within ${timeoutMs} ms`);
    throw sent ? failure : withoutEffect(failure);
  }
}

function speechOf(source: ContractSource, args: Readonly<Record<string, unknown>>, context: ToolCallContext): Speech {
  const { label, spec } = source;
  const { proto, service, method } = spec.grpc ?? {};
  const bounds = boundsOf(source, context);
  if (proto === undefined) {
    const { idempotencyKey } = context;
    return {
      path: `/${service ?? CONTRACT_SERVICE}/${method ?? CONTRACT_METHOD}`,
      body: Buffer.from(JSON.stringify(contractRequest({ ...source, idempotencyKey }, args))),
      read: (bytes) => resultOf(finalAnswer(label, Buffer.from(bytes).toString("utf8"), idempotencyKey), bounds),
    };
  }
  const opened = openMethod(label, proto, service ?? "", method ?? "");
  return {
    path: opened.path,
    body: opened.encode(args),
    read(bytes) {
      const text = opened.decode(bytes);
      return { ...boundAnswer(text, bounds.limitBytes, Buffer.byteLength(text), bounds.keepBytes), isError: false };
    },
  };
}

interface Attempt {
  readonly bounded: AbortSignal;
  readonly timeoutMs: number;
  readonly onSending: () => void;
  readonly key: string;
}

/** A token that is refused was of no use to anybody: nothing has happened, and a new one is tried once. */
async function answerOf(source: ContractSource, speech: Speech, attempt: Attempt): Promise<ToolAnswer> {
  const { namespace, label, spec, outbound } = source;
  const { bounded, timeoutMs, onSending, key } = attempt;
  const named = parseEndpoint(spec.endpoint ?? "");
  if (named === undefined) {
    throw new PermanentFailure(
      "ENDPOINT_INVALID",
      `${label}: \`endpoint: ${spec.endpoint ?? ""}\` is no host and port`,
    );
  }
  const plaintext = spec.grpc?.plaintext === true;
  const address = await unlessAborted(() => checkEndpoint(named, outbound, plaintext), bounded);
  const credentials = await openCredentials(spec.auth, namespace, label, source.credentials);
  const send = async (): Promise<UnaryAnswer> => {
    const headers = { ...(await credentials.headers(bounded)), "idempotency-key": key };
    const { path, body } = speech;
    return callUnary({ address, plaintext, path, body, headers, timeoutMs, onSending }, bounded);
  };
  const first = await send();
  const answer =
    first.outcome === "refused" && first.name === "UNAUTHENTICATED" && credentials.renew() ? await send() : first;
  return answer.outcome === "answered" ? read(label, speech, answer.bytes) : refusalOf(source, answer);
}

/** What the method says in a way that is not its own may have had its effect. */
function read(label: string, speech: Speech, bytes: Uint8Array): ToolAnswer {
  try {
    return speech.read(bytes);
  } catch (error) {
    if (error instanceof PermanentFailure || error instanceof TransientFailure) throw error;
    throw new TransientFailure("TOOL_ANSWER_INVALID", `the answer of ${label} is none of its method's messages`, {
      cause: error,
    });
  }
}

/** The method's own complaints, which the model may read and act on. */
const COMPLAINTS: readonly string[] = [
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "FAILED_PRECONDITION",
  "OUT_OF_RANGE",
];

function refusalOf(
  source: ContractSource,
  { name, details }: Extract<UnaryAnswer, { outcome: "refused" }>,
): ToolAnswer {
  const { label } = source;
  const said = `${name}: ${cutText(details, QUOTED)}`;
  if (COMPLAINTS.includes(name)) return { text: said, isError: true };
  switch (name) {
    case "UNAUTHENTICATED":
    case "PERMISSION_DENIED":
      throw refusedCredentials(source, name);
    case "UNIMPLEMENTED":
      throw new PermanentFailure("TOOL_NOT_PROVIDED", `${label} has no such method (${said})`);
    case "DEADLINE_EXCEEDED":
      throw new TransientFailure("TOOL_TIMEOUT", `${label} did not answer in time (${said})`);
    default:
      throw new TransientFailure("TOOL_UNAVAILABLE", `${label} answered ${said}`, { details: { status: name } });
  }
}
