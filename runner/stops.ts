// What somebody stopped: the gate lets nothing of it begin until it is resumed. Whoever was stopped once on this runner
// waits outside of its task, and writes nothing meanwhile.
import { addressOf } from "../contracts/address.ts";
import { TransientFailure } from "../contracts/failure.ts";
import type { Suspension } from "../contracts/holds.ts";
import { taskId } from "../contracts/new-task.ts";
import { toolKey } from "../policies/names.ts";
import type { GateRequest } from "../policies/request.ts";
import { type Holds, namespaceHold } from "../store/holds.ts";
import type { ActivationJob } from "../store/queue.ts";

/** How long what is stopped waits before it looks again. */
export const STOP_LOOK_MS = 1_000;

interface Stop {
  /** As the hold is named: an address, or `namespace/<name>`. */
  readonly what: string;
  readonly suspension: Suspension;
}

type Standing = Pick<Holds, "resources" | "namespaces">;

/** `endpoint`: `namespace/name` of the ModelEndpoint that is to be called. */
export function findStop(holds: Standing, request: GateRequest, endpoint?: string): Stop | undefined {
  if (holds.resources.size + holds.namespaces.size === 0) return undefined;
  const { namespace, system, agent } = request.subject;
  const found = [
    findNamed(holds, namespaceHold(namespace)),
    findNamed(holds, addressOf({ kind: "AgentSystem", namespace, name: system })),
    findNamed(holds, addressOf({ kind: "Agent", namespace, name: agent })),
    endpoint === undefined ? undefined : findNamed(holds, `ModelEndpoint/${endpoint}`),
    request.point === "before_tool" ? findTool(holds, namespace, request.tool.name) : undefined,
  ];
  return found.find((stop) => stop !== undefined);
}

function findNamed({ resources, namespaces }: Standing, what: string): Stop | undefined {
  const all: ReadonlyMap<string, Suspension> = what.startsWith("namespace/") ? namespaces : resources;
  const suspension = all.get(what);
  return suspension === undefined ? undefined : { what, suspension };
}

/** As policies compare tools: without case, `_` and `.` as `-`. */
function findTool({ resources }: Standing, namespace: string, name: string): Stop | undefined {
  const prefix = `Tool/${namespace}/`;
  for (const [what, suspension] of resources) {
    if (what.startsWith(prefix) && toolKey(what) === toolKey(name)) return { what, suspension };
  }
  return undefined;
}

/** The activation is given back, uses up no attempt, and goes on after `countwheel resume`. */
export function stopped({ what, suspension: { by, since, reason } }: Stop): TransientFailure {
  const why = reason === "" ? "" : `: ${reason}`;
  const message = `${what} was suspended by ${by} at ${since}${why}; it goes on after \`countwheel resume ${what}\``;
  const details = { effect: "none", what, by, since, reason };
  return new TransientFailure("SUSPENDED", message, { details, retryAfterMs: STOP_LOOK_MS });
}

/** Activations that were stopped on this runner, and by which hold. */
export class StoppedActivations {
  readonly #stops = new Map<string, string>();

  note(job: ActivationJob, { what }: Stop): void {
    this.#stops.set(keyOf(job), what);
  }

  has(job: ActivationJob): boolean {
    return this.#stops.has(keyOf(job));
  }

  /** Forgets those whose hold is gone: the next look finds what else may stop them. */
  isStopped(job: ActivationJob, holds: Standing): boolean {
    const what = this.#stops.get(keyOf(job));
    if (what === undefined) return false;
    if (findNamed(holds, what) !== undefined) return true;
    this.#stops.delete(keyOf(job));
    return false;
  }
}

function keyOf({ task, activation }: ActivationJob): string {
  return `${taskId(task)} ${activation}`;
}
