// Every key name of Countwheel in Redis but those of the report (github-keys.ts), of memories (memory-keys.ts), of logins (renewal-keys.ts) and of previews (preview-keys.ts). No other file builds one. Hash tags keep what one script touches in one slot.
import { isName } from "../contracts/address.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import type { ActivationId, TaskRef } from "../contracts/task.ts";

/** BullMQ's name of the queue of tasks that require nothing; the other lanes' names begin with it. */
export const QUEUE_NAME = "activations";
/** BullMQ's name of the queue that holds the bells of an environment's schedules. */
export const SCHEDULE_QUEUE_NAME = "schedules";

export interface EnvironmentKeys {
  /** hash: lineage, serial, commit, policyDigest, appliedAt. Its absence says that there is no state. */
  readonly head: string;
  /** hash: address → sealed record. */
  readonly records: string;
  /** hash: holder, token, until. Never deleted: the token must only grow. */
  readonly lock: string;
  /** hash: holder, token, until: the reconciler that looks after the environment. Never deleted, as the lock. */
  readonly leader: string;
  /** A channel, no key: a replica that does not lead was told to look again. */
  readonly looks: string;
  /** A channel, no key: something became of this task (`<namespace>/<name>`), whoever works on it looks again. */
  readonly calls: string;
  /** zset: plan id → the serial that it became; the oldest fall out, long after their plans expired. */
  readonly plans: string;
  /** stream: one entry per apply, id `<serial>-0`. */
  readonly history: string;
  /** hash: manifest digest → the sealed record that held it last, of records that were replaced or pruned. */
  readonly archive: string;
  /** zset: manifest digest → the serial of the apply that replaced or pruned it last. */
  readonly archived: string;
  /** hash: `environment`, `rolled-back` or an address → who told the reconciler to leave it alone. */
  readonly holds: string;
  /** hash: name of an API token → its sealed record, with a digest of the token and nothing else of it. */
  readonly tokens: string;
  /** hash: name of an API token → when it was shown last; of one before it where that was earlier. */
  readonly tokenUses: string;
  /** hash: task intent → task name. Grows by one for each content of a run-mode Task. */
  readonly intents: string;
  /** hash: task intent → its JSON, until it is settled. */
  readonly pendingIntents: string;
  /** hash: address of a TaskSchedule or McpServer → what an apply left to do beside the records, until it is done. */
  readonly pendingTriggers: string;
  /** hash: address of a TaskSchedule → up to where its slots are judged, and what it made. */
  readonly schedules: string;
  /** hash: `<webhook's address> <event>` → a delivery that was claimed, and whose task is perhaps still to be made. */
  readonly pendingDeliveries: string;
  /** zset: `<namespace>/<name>` → creation time, every task. */
  readonly tasks: string;
  /** zset: `<namespace>/<name>` → when it was put here, tasks that have not been finished off. */
  readonly live: string;
  /** zset: `<namespace>/<name>` of a task that asked for an approval, or was about to → when it asked first. */
  readonly asking: string;
  /** zset: digest of a snapshot → when it was last put, or found in a task, in ms. */
  readonly snapshots: string;
  /** hash: keptMs, keptFailedMs, keptTasks, as the environment's settings say; a field that is absent is the runner's affair. */
  readonly retention: string;
  /** stream: the audit log, id `<number>-0`, each entry chained to the one before. Only grows at its end. */
  readonly audit: string;
  /** hash: name of what is told only once → the id of its entry in `audit`. */
  readonly auditIndex: string;
  /** hash: `<namespace>/<name>` of a task that ended → a token, until `audit` tells of it. */
  readonly auditPending: string;
  /** hash: subject → entry. */
  readonly outbox: string;
  /** zset: subject → order of arrival. */
  readonly outboxOrder: string;
  /** Counter behind the outbox's order and entry ids. */
  readonly outboxCounter: string;
  /** hash: address → digest of the manifest that the last apply left there; the empty field: the serial that it speaks for. */
  readonly inventory: string;
  /** hash: `<address> <digest>` → what was done to put that record back, until the next commit. */
  readonly heals: string;
  /** hash: `<namespace>/<server>` → the tool definitions that a runner saw last. */
  readonly seenTools: string;
  /** zset: `<namespace>/<name>` of a ModelEndpoint whose calls failed → when its breaker is forgotten. */
  readonly breakers: string;
  /** hash: `<namespace>/<secret>:<key> <runner>` → why that runner has no value for it. */
  readonly missingSecrets: string;
}

export function environmentKeys(env: string): EnvironmentKeys {
  const tag = environmentTag(env);
  return {
    head: `${tag}:head`,
    records: `${tag}:records`,
    lock: `${tag}:lock`,
    leader: `${tag}:leader`,
    looks: `${tag}:looks`,
    calls: `${tag}:calls`,
    plans: `${tag}:plans`,
    history: `${tag}:history`,
    archive: `${tag}:manifests`,
    archived: `${tag}:manifests-last`,
    holds: `${tag}:holds`,
    tokens: `${tag}:tokens`,
    tokenUses: `${tag}:token-uses`,
    intents: `${tag}:intents`,
    pendingIntents: `${tag}:intents-pending`,
    pendingTriggers: `${tag}:triggers-pending`,
    schedules: `${tag}:schedules`,
    pendingDeliveries: `${tag}:deliveries-pending`,
    tasks: `${tag}:tasks`,
    live: `${tag}:live`,
    asking: `${tag}:asking`,
    snapshots: `${tag}:snapshots`,
    retention: `${tag}:retention`,
    audit: `${tag}:audit`,
    auditIndex: `${tag}:audit-index`,
    auditPending: `${tag}:audit-pending`,
    outbox: `${tag}:outbox`,
    outboxOrder: `${tag}:outbox-order`,
    outboxCounter: `${tag}:outbox-counter`,
    inventory: `${tag}:inventory`,
    heals: `${tag}:heals`,
    seenTools: `${tag}:seen-tools`,
    breakers: `${tag}:breakers`,
    missingSecrets: `${tag}:missing-secrets`,
  };
}

/** hash: what one apply is about to write; expires by itself. */
export function stagingKey(env: string, applyId: string): string {
  return `${environmentTag(env)}:staging:${applyId}`;
}

export interface BudgetKeys {
  /** hash: `spent <entry>` and `reserved <entry>` → amount; an entry is `<account>|<number of its window, or nothing>`. */
  readonly budgets: string;
  /** zset: entry → when it is forgotten. */
  readonly until: string;
  /** hash: reservation that is not settled yet → its entries and amounts. */
  readonly reservations: string;
  /** zset: reservation → since when it stands. */
  readonly since: string;
}

/** Ledgers that many tasks share: none of them is in the slot of a task. */
export function budgetKeys(env: string): BudgetKeys {
  const tag = environmentTag(env);
  return {
    budgets: `${tag}:budgets`,
    until: `${tag}:budgets-until`,
    reservations: `${tag}:budget-reservations`,
    since: `${tag}:budget-reservations-since`,
  };
}

export interface EndpointRef {
  readonly namespace: string;
  readonly name: string;
}

export interface BreakerKeys {
  /** hash: failures, since, openUntil, opens, probeUntil, code, message, at. Absent: closed, and nothing failed. */
  readonly breaker: string;
  /** The environment's `breakers`, and the endpoint's member there. */
  readonly index: string;
  readonly member: string;
}

export function breakerKeys(env: string, { namespace, name }: EndpointRef): BreakerKeys {
  const member = `${checkedName("namespace", namespace)}/${checkedName("ModelEndpoint", name)}`;
  const { breakers } = environmentKeys(env);
  return { breaker: `${environmentTag(env)}:breaker:${member}`, index: breakers, member };
}

/** string with expiry: which task a delivery to a webhook became. `event` is a digest, whatever the sender called it. */
export function deliveryKey(env: string, webhook: string, event: string): string {
  return `${environmentTag(env)}:delivery:${webhook}:${event}`;
}

/** hash with expiry: a tool that answers later, by the id of its call: since when, until when, and what it answered. */
export function callbackKey(env: string, request: string): string {
  return `${environmentTag(env)}:callback:${checkedName("call", request)}`;
}

/** string with expiry: what one runner announces of itself. */
export function runnerKey(env: string, id: string): string {
  return `${environmentTag(env)}:runner:${checkedName("runner", id)}`;
}

/** zset: id of a runner → until when its announcement holds. */
export function runnersKey(env: string): string {
  return `${environmentTag(env)}:runners`;
}

/** string: one snapshot, set once. */
export function snapshotKey(env: string, digest: string): string {
  return `${environmentTag(env)}:snapshot:${digest}`;
}

export interface TaskKeys {
  /** hash: definition, phase, graph, ledger, chain head. */
  readonly task: string;
  /** hash: `<activation>/<field>`. */
  readonly activations: string;
  /** list: activation ids in the order in which they were made. */
  readonly order: string;
  /** set: activations that have not ended. */
  readonly open: string;
  /** stream: the trace, id `<seq>-0`. */
  readonly journal: string;
  /** hash: `<namespace>/<memory> <key>` → entry, of memories that end with the task. */
  readonly memory: string;
  /** hash: as `memory` → the vector of the entry; `<namespace>/<memory> ` → what its vectors are made by. */
  readonly memoryVectors: string;
  /** hash: `<artifact>` → facts of a long result, `<artifact>/<n>` → a piece of its text, `bytes` → of all texts. */
  readonly artifacts: string;
  /** hash: `<approval>` → what is asked, with `/phase`, `/activation`, `/until` and `/word` of each. */
  readonly approvals: string;
}

export function taskKeys(ref: TaskRef): TaskKeys {
  const tag = taskTag(ref);
  return {
    task: `${tag}:task`,
    activations: `${tag}:activations`,
    order: `${tag}:order`,
    open: `${tag}:open`,
    journal: `${tag}:journal`,
    memory: `${tag}:memory`,
    memoryVectors: `${tag}:memory-vectors`,
    artifacts: `${tag}:artifacts`,
    approvals: `${tag}:approvals`,
  };
}

/** hash: step → its record, of one activation. */
export function stepsKey(ref: TaskRef, activation: ActivationId): string {
  return `${taskTag(ref)}:steps:${activation}`;
}

/** BullMQ's prefix: everything of its queue has one hash tag. */
export function queuePrefix(env: string): string {
  return `cw:{q:${checkedName("environment", env)}}`;
}

/** zset: requirements of a lane, canonical → when a bell was last rung in it, in ms. In the slot of the queues. */
export function lanesKey(env: string): string {
  return `${queuePrefix(env)}:lanes`;
}

/** A channel, no key: a lane is new. */
export function lanesChannel(env: string): string {
  return `${queuePrefix(env)}:lanes-new`;
}

/** BullMQ's keys of one queue, and ours beside them. */
export function laneKeys(env: string, queue: string): { readonly jobs: string[]; readonly rest: string[] } {
  const key = (name: string): string => `${queuePrefix(env)}:${queue}:${name}`;
  return {
    jobs: ["wait", "prioritized", "active", "delayed"].map(key),
    rest: ["meta", "events", "id", "pc", "marker", "stalled", "stalled-check", "shares"].map(key),
  };
}

/** zset of BullMQ: waiting jobs by score · hash: `<level>:<namespace>` → the last step taken, and `now`, `order`. */
export function fairOrderKeys(env: string, queue: string): { readonly waiting: string; readonly shares: string } {
  const key = `${queuePrefix(env)}:${queue}`;
  return { waiting: `${key}:prioritized`, shares: `${key}:shares` };
}

/** A task's member in the indexes, and the way back. */
export function taskMember(ref: Pick<TaskRef, "namespace" | "name">): string {
  return `${ref.namespace}/${ref.name}`;
}

export function parseTaskMember(env: string, member: string): TaskRef | undefined {
  const [namespace, name, ...rest] = member.split("/");
  if (namespace === undefined || name === undefined || rest.length > 0) return undefined;
  return isName(namespace) && isName(name) ? { env, namespace, name } : undefined;
}

export function environmentTag(env: string): string {
  return `cw:{e:${checkedName("environment", env)}}`;
}

function taskTag({ env, namespace, name }: TaskRef): string {
  checkedName("environment", env);
  return `cw:{t:${env}/${checkedName("namespace", namespace)}/${checkedName("task", name)}}`;
}

/** A name with a brace or a colon could forge another environment's key. */
export function checkedName(what: string, name: string): string {
  if (isName(name)) return name;
  throw new PermanentFailure("NAME_REFUSED", `\`${name.slice(0, 80)}\` cannot be the name of a ${what}`, {
    details: { what },
  });
}
