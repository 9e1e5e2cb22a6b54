// Answers a request to a TaskWebhook: POST /hooks/<env>/<namespace>/<name>. What is asked comes in one order, so that nobody
// learns of a webhook more than its state of being there before they have proved that they know its secret.
import type { IncomingMessage } from "node:http";
import { addressOf, isName } from "../../../contracts/address.ts";
import { failureRecord, PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { specOf } from "../../../contracts/kinds.ts";
import type { ObservedState, StateRecord } from "../../../contracts/record.ts";
import { type WebhookRules, webhookRules } from "../../../contracts/webhook.ts";
import type { TaskMaker } from "../../apply/task-intents.ts";
import type { AppliedState } from "../applied-state.ts";
import type { WebhookEvent } from "../events.ts";
import { type BodyLimits, readBody } from "../read-body.ts";
import { isProven } from "./check-proof.ts";
import { type Taken, takeDelivery } from "./take-delivery.ts";

export interface HookDesk {
  readonly maker: TaskMaker;
  readonly state: AppliedState;
  /** The value behind a reference of a manifest in `namespace`. Throws PermanentFailure where there is none. */
  readonly resolveSecret: (
    records: ObservedState["records"],
    reference: string,
    namespace: string,
    neededBy: string,
  ) => Promise<string>;
  readonly emit: (event: WebhookEvent) => void;
}

export interface HookAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** The rest of the request was not read, or its sender is gone. */
  readonly cut?: true;
}

/** A task's input is kept with the task, and given to a model: a payload is no place for files. */
const BODY: BodyLimits = { maxBytes: 1024 * 1024, maxMs: 10_000 };

/** `path` is what follows `/hooks/<env>/`. */
export async function answerHook(desk: HookDesk, path: string, request: IncomingMessage): Promise<HookAnswer> {
  try {
    return await answer(desk, path, request);
  } catch (error) {
    // A sender tries again; what is wrong with Redis is told by the loops that meet it, too.
    if (error instanceof TransientFailure) return told(503, "try again later");
    if (error instanceof PermanentFailure) return told(500, "this webhook is not set up");
    throw error;
  }
}

async function answer(desk: HookDesk, path: string, request: IncomingMessage): Promise<HookAnswer> {
  const { records } = await desk.state.read();
  const found = findHook(records, path);
  if (found === undefined) return told(404, "there is no such webhook");
  const { record, rules } = found;
  if (rules.suspended) return told(409, "this webhook is suspended");
  const body = await readBody(request, BODY);
  if (body.outcome === "too-large") return told(413, `send at most ${BODY.maxBytes} bytes`);
  if (body.outcome === "too-slow") return told(408, "too slow");
  if (body.outcome === "cut") return { ...told(400, "cut"), cut: true };
  const secrets = await secretsOf(desk, records, found);
  if (secrets === undefined) return told(500, "this webhook is not set up");
  const header = (name: string): string | undefined => headerOf(request, name);
  const { bytes } = body;
  if (!isProven(rules.proof, secrets, { header, body: bytes, now: desk.maker.now() }))
    return told(401, "the signature is missing or wrong, or too old");
  const payload = readText(bytes);
  if (payload === undefined) return told(400, "the body is no UTF-8 text");
  const event = rules.eventField === null ? header(rules.eventHeader) : eventIn(payload, rules.eventField);
  if (event === undefined || event === "" || event.length > EVENT_LENGTH) return told(400, "the event has no id");
  return answerTaken(desk, record, await takeDelivery(desk.maker, { record, rules, event, payload }, desk.state));
}

export interface FoundHook {
  readonly record: StateRecord;
  readonly rules: WebhookRules;
}

function findHook(records: ObservedState["records"], path: string): FoundHook | undefined {
  const [namespace = "", name = "", ...rest] = path.split("/");
  if (!isName(namespace) || !isName(name) || rest.length > 0) return undefined;
  const record = records.get(addressOf({ kind: "TaskWebhook", namespace, name }));
  return record === undefined ? undefined : hookOf(record);
}

export function hookOf(record: StateRecord): FoundHook | undefined {
  const spec = specOf(record.manifest, "TaskWebhook");
  return spec === undefined ? undefined : { record, rules: webhookRules(spec) };
}

/** Those that have a value. Undefined, and told to the operator, where the one that counts has none. */
async function secretsOf(
  { resolveSecret, emit }: HookDesk,
  records: ObservedState["records"],
  { record, rules }: FoundHook,
): Promise<readonly string[] | undefined> {
  const { namespace, name } = record.manifest.metadata;
  const secrets: string[] = [];
  for (const reference of rules.secretRefs) {
    try {
      secrets.push(await resolveSecret(records, reference, namespace, `TaskWebhook \`${name}\``));
    } catch (error) {
      if (!(error instanceof PermanentFailure)) throw error;
      emit({ type: "webhook-broken", webhook: record.address, ...failureRecord(error) });
      // Both or none: a rotation that is half set up must not pass for one that is done.
      return undefined;
    }
  }
  return secrets;
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

function readText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const EVENT_LENGTH = 512;

/** `data.id` in a body of JSON: a text or a number. */
function eventIn(payload: string, field: string): string | undefined {
  let value = parse(payload);
  for (const step of field.split(".")) {
    const isObject = typeof value === "object" && value !== null && Object.hasOwn(value, step);
    value = isObject ? (value as Readonly<Record<string, unknown>>)[step] : undefined;
  }
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function answerTaken({ emit }: HookDesk, { address }: StateRecord, taken: Taken): HookAnswer {
  switch (taken.outcome) {
    case "accepted":
      emit({ type: "webhook-accepted", webhook: address, task: taken.task.name });
      return accepted(taken.task, false);
    case "duplicate":
      return accepted(taken.task, true);
    case "impossible": {
      const message = "there is no template or no system to make a task from";
      emit({ type: "webhook-broken", webhook: address, code: "TEMPLATE_MISSING", message });
      return told(500, "this webhook is not set up");
    }
    case "full":
      return told(503, "too many deliveries wait; try again later");
  }
}

function accepted({ namespace, name }: { readonly namespace: string; readonly name: string }, duplicate: boolean) {
  return { status: 202, body: { task: name, namespace, duplicate } };
}

function told(status: number, message: string): HookAnswer {
  return { status, body: { error: message } };
}
