// Makes the record of a new task and its first trace events: the same for a manifest, a schedule, a webhook and `run`.
import { type Identity, identityText } from "./approval.ts";
import { entryAgents, type Graph, type GraphState } from "./graph.ts";
import { NO_REQUIREMENTS, type Requirements } from "./matching.ts";
import type { TaskRef, TaskSource, TaskTrigger } from "./task.ts";
import { activationId } from "./task.ts";
import { type RetryManner, TASK_DEFAULTS, type TaskLimits } from "./task-rules.ts";
import { type ChainedEvent, chainEvents, chainStart } from "./trace.ts";

export interface TaskRequest {
  readonly ref: TaskRef;
  readonly system: string;
  readonly graph: Graph;
  readonly input: Readonly<Record<string, string>>;
  readonly priority: "low" | "normal" | "high";
  /** Of the runners that may work on it. Absent: nothing. */
  readonly requirements?: Requirements;
  /** Tries of one activation, the first included (`retry.max_attempts`). */
  readonly maxAttempts: number;
  readonly retryBackoffMs: number;
  /** Absent: TASK_DEFAULTS. */
  readonly retry?: RetryManner;
  readonly limits?: TaskLimits;
  /** Bound on activations of one agent; null where the graph has no cycle and none is set. */
  readonly maxTurns: number | null;
  readonly snapshot: string;
  /** The Task manifest that asked for it, for policies that target tasks by name; null when made by hand. */
  readonly manifest: string | null;
  readonly source: TaskSource | null;
  readonly plan: string | null;
  /** Absent: a Task manifest or a person asked for it. */
  readonly trigger?: TaskTrigger;
  /** Absent: no person is known to have asked for it. */
  readonly requestedBy?: Identity;
  readonly createdAt: string;
}

export interface NewTask extends TaskRequest {
  readonly retry: RetryManner;
  readonly limits: TaskLimits;
  readonly requirements: Requirements;
  readonly graphState: GraphState;
  readonly activations: readonly { readonly id: string; readonly agent: string }[];
  readonly events: readonly ChainedEvent[];
}

export function makeTask(request: TaskRequest): NewTask {
  const entries = entryAgents(request.graph);
  const name = taskId(request.ref);
  const { source, plan, snapshot, system, input, trigger, requestedBy } = request;
  const created = {
    type: "task.created" as const,
    at: request.createdAt,
    data: {
      system,
      input,
      snapshot,
      plan,
      source,
      ...(trigger === undefined ? {} : { trigger }),
      ...(requestedBy === undefined ? {} : { requestedBy: identityText(requestedBy) }),
    },
  };
  return {
    ...TASK_DEFAULTS,
    requirements: NO_REQUIREMENTS,
    ...request,
    graphState: {
      visits: Object.fromEntries(entries.map((agent) => [agent, 1])),
      outputs: {},
      joins: {},
      open: entries.length,
    },
    activations: entries.map((agent) => ({ id: activationId(agent, 1), agent })),
    events: chainEvents(name, { seq: 0, head: chainStart(name) }, [created]),
  };
}

/** How a task is named in its trace: `<namespace>/<name>`. */
export function taskId(ref: Pick<TaskRef, "namespace" | "name">): string {
  return `${ref.namespace}/${ref.name}`;
}
