// What a delivery of GitHub is about: which repository may have changed, or been commented on. Nothing else of a payload is believed. Pure.

/** Events after which it is worth to look. Our own comments and checks are none of them. */
const EVENTS: readonly string[] = ["push", "pull_request"];

export type Delivery =
  /** `repository`: `owner/name`, as the sender writes it. */
  | { readonly kind: "look"; readonly repository: string }
  /** Somebody may have said something that is meant for us. What, is read from GitHub. */
  | { readonly kind: "command"; readonly repository: string }
  /** A ping, or an event that nobody here cares for. */
  | { readonly kind: "other" }
  | { readonly kind: "malformed" };

export function readDelivery(event: string, body: Uint8Array): Delivery {
  const payload = parse(body);
  if (!isObject(payload)) return { kind: "malformed" };
  const kind = EVENTS.includes(event) ? "look" : event === "issue_comment" && mayCommand(payload) ? "command" : "other";
  if (kind === "other") return { kind };
  const { repository } = payload;
  const name = isObject(repository) ? repository["full_name"] : undefined;
  return typeof name === "string" && NAME.test(name) ? { kind, repository: name } : { kind: "malformed" };
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
}
