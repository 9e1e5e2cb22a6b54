// What a delivery of GitHub is about: which repository may have changed, or been commented on. Who pressed
// a button is told by nobody else; nothing more of a payload is believed. Pure.

import type { Click } from "../../store/page-clicks.ts";

/** Events after which it is worth to look. Our own comments and checks are none of them. */
const EVENTS: readonly string[] = ["push", "pull_request"];

export type Delivery =
  /** `repository`: `owner/name`, as the sender writes it. */
  | { readonly kind: "look"; readonly repository: string }
  /** Somebody may have said something that is meant for us. What, is read from GitHub. */
  | { readonly kind: "command"; readonly repository: string }
  /** Somebody pressed a button of a check. GitHub lists such clicks nowhere: that it was them is known from here alone. */
  | { readonly kind: "click"; readonly repository: string; readonly click: Click }
  /** A ping, or an event that nobody here cares for. */
  | { readonly kind: "other" }
  | { readonly kind: "malformed" };

export function readDelivery(event: string, body: Uint8Array): Delivery {
  const payload = parse(body);
  if (!isObject(payload)) return { kind: "malformed" };
  if (event === "check_run" && payload["action"] === "requested_action") return readClick(payload);
  const kind = EVENTS.includes(event) ? "look" : event === "issue_comment" && mayCommand(payload) ? "command" : "other";
  if (kind === "other") return { kind };
  const name = repositoryOf(payload);
  return name === undefined ? { kind: "malformed" } : { kind, repository: name };
}

function repositoryOf({ repository }: Readonly<Record<string, unknown>>): string | undefined {
  const name = isObject(repository) ? repository["full_name"] : undefined;
  return typeof name === "string" && NAME.test(name) ? name : undefined;
}

const LOGIN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
const BUTTON = /^[\w:.-]{1,20}$/;
const EXTERNAL_ID = /^[\w:.-]{1,500}$/;
const COMMIT = /^[0-9a-f]{40,64}$/;

/** Bots and Apps press nothing. */
function readClick(payload: Readonly<Record<string, unknown>>): Delivery {
  const repository = repositoryOf(payload);
  const { check_run: run, requested_action: action, sender } = payload;
  if (repository === undefined || !isObject(run) || !isObject(action) || !isObject(sender))
    return { kind: "malformed" };
  const { id: checkRun, external_id: externalId, head_sha: head } = run;
  const { identifier: button } = action;
  const { login, id: person, type } = sender;
  if (type !== "User") return { kind: "other" };
  if (!isId(checkRun) || !isId(person) || !isLike(externalId, EXTERNAL_ID)) return { kind: "malformed" };
  if (!isLike(head, COMMIT) || !isLike(button, BUTTON) || !isLike(login, LOGIN)) return { kind: "malformed" };
  return { kind: "click", repository, click: { checkRun, externalId, head, button, login, person } };
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function isLike(value: unknown, form: RegExp): value is string {
  return typeof value === "string" && form.test(value);
}

/** Spares a look for all the others: our own comments are among them. */
function mayCommand({ action, comment }: Readonly<Record<string, unknown>>): boolean {
  const body = isObject(comment) ? comment["body"] : undefined;
  return action === "created" && typeof body === "string" && body.startsWith("/countwheel");
}

const NAME = /^[\w.-]{1,100}\/[\w.-]{1,100}$/;

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The last so many deliveries: one that is sent again, by GitHub or by somebody who kept it, counts once. */
export class SeenDeliveries {
  readonly #max: number;
  readonly #ids = new Set<string>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether it is new; from now on it is not. */
  take(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > this.#max && oldest !== undefined) this.#ids.delete(oldest);
    return true;
  }

  /** It was not taken after all. */
  forget(id: string): void {
    this.#ids.delete(id);
  }
}
