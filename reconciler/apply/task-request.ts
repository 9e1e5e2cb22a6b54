// Turns an applied Task manifest into the request for its task. Pure.
import { type Address, addressOf } from "../../contracts/address.ts";
import { readGraph } from "../../contracts/graph.ts";
import type { TaskSpec } from "../../contracts/kinds/task.ts";
import { specOf } from "../../contracts/kinds.ts";
import { specDigest } from "../../contracts/manifest.ts";
import type { TaskRequest } from "../../contracts/new-task.ts";
import type { StateRecord } from "../../contracts/record.ts";
import type { TaskSource } from "../../contracts/task.ts";
import { taskRules } from "../../contracts/task-rules.ts";

export interface TaskOrder {
  /** `<address>@<spec digest>`: the same content is ordered once, for ever. */
  readonly key: string;
  readonly name: string;
}

/** The order of a run-mode Task; undefined for templates and other kinds. */
export function orderTask({
  address,
  manifest,
  generation,
}: Pick<StateRecord, "address" | "manifest" | "generation">): TaskOrder | undefined {
  const spec = specOf(manifest, "Task");
  if (spec === undefined || spec.mode === "template" || spec.system === undefined) return undefined;
  return { key: `${address}@${specDigest(manifest)}`, name: taskName(manifest.metadata.name, generation) };
}

/** Room for `-g<generation>` and for the digest that tells two tasks of one name apart. */
const NAME_LENGTH = 220;

function taskName(name: string, generation: number): string {
  return generation === 1 ? name : `${name.slice(0, NAME_LENGTH)}-g${generation}`;
}

/** For a name that an older task has already: the same content always gets the same other name. */
export function otherName({ name, key }: TaskOrder): string {
  return `${name.slice(0, NAME_LENGTH)}-${key.slice(key.lastIndexOf(":") + 1).slice(0, 8)}`;
}

export interface RequestInput {
  readonly env: string;
  readonly name: string;
  /** The Task as the state holds it. */
  readonly record: StateRecord;
  readonly records: ReadonlyMap<Address, StateRecord>;
  readonly snapshot: string;
  readonly plan: string;
  readonly createdAt: string;
}

/** Undefined where the Task or its system is none (any more): nobody can make this task. */
export function makeTaskRequest({ record, records, plan, ...facts }: RequestInput): TaskRequest | undefined {
  const { namespace, name } = record.manifest.metadata;
  const spec = specOf(record.manifest, "Task");
  if (spec === undefined) return undefined;
  return requestSystem({ ...facts, spec, namespace, manifest: name, source: record.source, plan }, records);
}

export interface SystemRequest {
  readonly env: string;
  /** Of the task, and of the system where the spec names none. */
  readonly namespace: string;
  readonly name: string;
  readonly spec: TaskSpec;
  /** The Task manifest, for policies that target tasks by name. */
  readonly manifest: string;
  readonly source: TaskSource;
  readonly snapshot: string;
  readonly plan: string | null;
  readonly createdAt: string;
}

/** Undefined where the spec names no system, or one that no record declares. */
export function requestSystem(
  { env, namespace, name, spec, manifest, source, ...facts }: SystemRequest,
  records: RequestInput["records"],
): TaskRequest | undefined {
  if (spec.system === undefined) return undefined;
  const system = records.get(addressOf({ kind: "AgentSystem", namespace, name: spec.system }))?.manifest;
  const graph = system === undefined ? undefined : specOf(system, "AgentSystem");
  if (graph === undefined) return undefined;
  return {
    ...facts,
    ref: { env, namespace, name },
    system: spec.system,
    graph: readGraph(graph),
    input: spec.input ?? {},
    ...taskRules(spec),
    manifest,
    source: { commit: source.commit, file: source.file, line: source.line },
  };
}
