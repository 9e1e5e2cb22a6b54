// `get <kind> [name]`: what the state holds, as a table, as names, or as data. Tasks are the running ones, and runners the
// ones that are there now.

import { closest } from "fastest-levenshtein";
import { DEFAULT_NAMESPACE, KIND_NAMES, type KindName } from "../../contracts/address.ts";
import { shortDigest } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { findKind, kindWords, specOf } from "../../contracts/kinds.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { hideSensitive } from "../../contracts/sensitive.ts";
import { TASK_PHASES, type TaskPhase, type TaskRecord } from "../../contracts/task.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { Redis } from "../../store/connect.ts";
import { type Holds, readHolds } from "../../store/holds.ts";
import { readState } from "../../store/state.ts";
import { listTasks } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, printList, say, UsageFailure } from "../output.ts";
import { breakerOf, factsView, type RecordFacts, readRecordFacts } from "../record-facts.ts";
import { openRedis } from "../redis.ts";
import { progressCell, type ShownTask, showTasks } from "../shown-task.ts";
import { waitingText } from "../task-waiting.ts";
import { scheduleRows } from "../view/schedules.ts";
import { renderAge, renderCost, renderTable } from "../view/table.ts";
import { watchRows } from "../watch-rows.ts";
import { runGetApprovals } from "./get-approvals.ts";
import { isBudgets, runGetBudgets } from "./get-budgets.ts";
import { isRunners, runGetRunners } from "./get-runners.ts";

export interface GetOptions extends CommonFlags {
  readonly kind: string;
  readonly name?: string;
  readonly namespace?: string;
  /** Of tasks only. */
  readonly phase?: string;
  readonly watch: boolean;
}

export async function runGet(host: Host, asked: GetOptions): Promise<ExitCode> {
  if (isRunners(asked.kind)) return runGetRunners(host, asked);
  if (isBudgets(asked.kind)) return runGetBudgets(host, asked);
  if (findKind(asked.kind) === "ToolApproval") return runGetApprovals(host, asked);
  const options = isDeadLetters(asked.kind) ? { ...asked, kind: "Task", phase: "DeadLetter" } : asked;
  const kind = kindOf(options.kind);
  const { redis, close } = await openRedis(host, options);
  try {
    if (options.watch)
      return await watchRows(host, async () => tableRows(await read(host, redis, kind, options), host.now()));
    const found = await read(host, redis, kind, options);
    print(host, options, found);
    if (found.of === "records") saySuspended(host, found.items, await readHolds(redis, options.env));
    return EXIT.ok;
  } finally {
    await close();
  }
}

function saySuspended(
  host: Host,
  records: readonly StateRecord[],
  { environment, namespaces, resources }: Holds,
): void {
  if (environment !== null) say(host, `The environment is ${suspensionText(environment)}`);
  for (const [namespace, suspension] of namespaces) say(host, `${namespace} is ${suspensionText(suspension)}`);
  for (const { address } of records) {
    const suspension = resources.get(address);
    if (suspension !== undefined) say(host, `${address} is ${suspensionText(suspension)}`);
  }
}

/** No kind, but what people ask for. */
function isDeadLetters(word: string): boolean {
  return /^dead-?letters?$/i.test(word);
}

/** Throws UsageFailure with the nearest kind. */
export function kindOf(word: string): KindName {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  throw new UsageFailure(
    `\`${word}\` is no kind; did you mean \`${closest(word.toLowerCase(), KIND_NAMES.flatMap(kindWords))}\`?`,
  );
}

/** One named thing, or all of a kind. */
export type Found =
  | { readonly of: "tasks"; readonly items: readonly ShownTask[]; readonly one: boolean; readonly phase?: TaskPhase }
  | {
      readonly of: "records";
      readonly items: readonly StateRecord[];
      readonly one: boolean;
      readonly facts: RecordFacts;
    };

async function read(host: Host, redis: Redis, kind: KindName, options: GetOptions): Promise<Found> {
  const { name } = options;
  if (kind === "Task") {
    if (name !== undefined)
      return {
        of: "tasks",
        items: await showTasks(redis, options.env, [await findTask(redis, { ...options, task: name })]),
        one: true,
      };
    return { of: "tasks", one: false, ...(await readTasks(redis, options)) };
  }
  if (options.phase !== undefined) throw new UsageFailure("`--phase` goes with tasks");
  const records = await readRecords(redis, kind, options);
  const facts = await readRecordFacts(redis, options.env, kind, host.now());
  if (name === undefined) return { of: "records", items: records, one: false, facts };
  return { of: "records", items: [pickRecord(records, kind, { ...options, name })], one: true, facts };
}

async function readTasks(
  redis: Redis,
  options: GetOptions,
): Promise<{ readonly items: readonly TaskRecord[]; readonly phase?: TaskPhase }> {
  const phase = options.phase === undefined ? undefined : phaseOf(options.phase);
  const tasks = (await listTasks(redis, options.env)).filter((task) => inNamespace(task.namespace, options));
  if (phase === undefined) return { items: await showTasks(redis, options.env, tasks) };
  const chosen = tasks.filter((task) => task.phase === phase);
  return { items: await showTasks(redis, options.env, chosen), phase };
}

function phaseOf(word: string): TaskPhase {
  const phase = TASK_PHASES.find((known) => known.toLowerCase() === word.toLowerCase());
  if (phase !== undefined) return phase;
  throw new UsageFailure(`\`${word}\` is no phase of a task; did you mean \`${closest(word, TASK_PHASES)}\`?`);
}

function inNamespace(namespace: string, options: Pick<GetOptions, "namespace">): boolean {
  return options.namespace === undefined || namespace === options.namespace;
}

async function readRecords(redis: Redis, kind: KindName, options: GetOptions): Promise<StateRecord[]> {
  const { records } = await readState(redis, options.env);
  return [...records.values()]
    .filter(({ manifest }) => manifest.kind === kind && inNamespace(manifest.metadata.namespace, options))
    .toSorted((a, b) => (a.address < b.address ? -1 : 1));
}

/** The record that a person names, as `name` or `namespace/name`. Throws PermanentFailure NOT_FOUND. */
export function pickRecord(
  records: Iterable<StateRecord>,
  kind: KindName,
  {
    name,
    namespace = DEFAULT_NAMESPACE,
    env,
  }: { readonly name: string; readonly namespace?: string; readonly env: string },
): StateRecord {
  const sameKind = [...records].filter(({ manifest }) => manifest.kind === kind);
  const wanted = name.includes("/") ? name : `${namespace}/${name}`;
  const found = sameKind.find(({ manifest: { metadata } }) => wanted === `${metadata.namespace}/${metadata.name}`);
  if (found !== undefined) return found;
  const names = sameKind.map(({ manifest }) => manifest.metadata.name);
  const hint = names.length === 0 ? `The environment holds no ${kind}.` : `Did you mean \`${closest(name, names)}\`?`;
  throw new PermanentFailure("NOT_FOUND", `no ${kind} \`${name}\` in environment \`${env}\`. ${hint}`);
}

function print(host: Host, options: GetOptions, found: Found): void {
  const values = found.of === "tasks" ? found.items : found.items.map((record) => recordView(record, found.facts));
  switch (options.output) {
    case "json":
      return found.one ? printJson(host, values[0]) : printList(host, values);
    case "jsonl":
      for (const value of values) host.stdout.write(`${JSON.stringify(value)}\n`);
      return;
    case "yaml":
      host.stdout.write(renderYaml(found.one ? values[0] : { formatVersion: "1", items: values }));
      return;
    case "name":
      for (const name of shortNames(found)) host.stdout.write(`${name}\n`);
      return;
    case "text":
    case "wide":
    case "markdown":
      return printTable(host, found);
  }
}

/** The manifest as it was applied, with a `status` that says when, by which commit and at which line. */
export function recordView(record: StateRecord, facts: RecordFacts): object {
  const { address, manifest, digest, generation, source, serial, appliedAt } = record;
  const status = { address, digest, generation, serial, appliedAt, source, ...factsView(record, facts) };
  return { ...hideSensitive(manifest), status };
}

function shortNames(found: Found): readonly string[] {
  return found.of === "tasks"
    ? found.items.map((task) => `task/${task.name}`)
    : found.items.map(({ manifest }) => `${manifest.kind.toLowerCase()}/${manifest.metadata.name}`);
}

function printTable(host: Host, found: Found): void {
  if (found.items.length === 0) return say(host, "Nothing found.");
  const [header = [], ...rows] = tableRows(found, host.now());
  host.stdout.write(renderTable(header, rows));
}

/** The header first. */
function tableRows(found: Found, now: Date): readonly (readonly string[])[] {
  if (found.of === "tasks" && (found.phase === "DeadLetter" || found.phase === "Failed")) {
    const header = ["NAMESPACE", "NAME", "SYSTEM", "ATTEMPTS", "REASON", "AGE"];
    return [header, ...found.items.map((task) => failedRow(task, now))];
  }
  if (found.of === "tasks") {
    const isTold = found.items.some(({ progress }) => progress !== undefined);
    const header = ["NAMESPACE", "NAME", "SYSTEM", "PHASE", ...(isTold ? ["PROGRESS"] : []), ...TASK_FACTS];
    const rows = found.items.map((task) => taskRow(task, now, isTold));
    if (found.items.every(({ waiting }) => waiting === undefined)) return [header, ...rows];
    const waits = found.items.map(({ waiting }) => (waiting === undefined ? "-" : waitingText(waiting)));
    return [[...header, "WAITS FOR"], ...rows.map((row, index) => [...row, waits[index] ?? "-"])];
  }
  const { items, facts } = found;
  if (items[0]?.manifest.kind === "TaskSchedule") return scheduleRows({ items, schedules: facts.schedules }, now);
  if (items[0]?.manifest.kind === "ModelEndpoint") return endpointRows(items, facts, now);
  const header = ["NAMESPACE", "NAME", "GENERATION", "DIGEST", "SOURCE", "AGE"];
  return [header, ...found.items.map((record) => recordRow(record, now))];
}

function endpointRows(records: readonly StateRecord[], facts: RecordFacts, now: Date): string[][] {
  const rows = records.map((record) => {
    const { metadata } = record.manifest;
    const spec = specOf(record.manifest, "ModelEndpoint");
    const model = [spec?.provider ?? "openai", spec?.default_model ?? "-"];
    const breaker = breakerOf(record, facts)?.state ?? "closed";
    return [metadata.namespace, metadata.name, ...model, breaker, renderAge(record.appliedAt, now)];
  });
  return [["NAMESPACE", "NAME", "PROVIDER", "MODEL", "BREAKER", "AGE"], ...rows];
}

const TASK_FACTS = ["ATTEMPTS", "TOKENS IN/OUT", "COST", "AGE"];

function taskRow(task: ShownTask, now: Date, isProgressTold: boolean): string[] {
  const tokens = `${wholeNumber(task.tokens.input)} / ${wholeNumber(task.tokens.output)}`;
  const { namespace, name, system, phase, attempts } = task;
  return [
    namespace,
    name,
    system,
    phase,
    ...(isProgressTold ? [task.progress?.map(progressCell).join("; ") ?? "-"] : []),
    String(attempts),
    tokens,
    renderCost(task.costUsd),
    renderAge(task.createdAt, now),
  ];
}

const LONGEST_REASON = 80;

function failedRow({ namespace, name, system, attempts, lastError, createdAt }: TaskRecord, now: Date): string[] {
  const reason = lastError === undefined ? "-" : `${lastError.code}: ${lastError.message}`;
  return [
    namespace,
    name,
    system,
    String(attempts),
    shorten(oneLine(reason), LONGEST_REASON),
    renderAge(createdAt, now),
  ];
}

function recordRow({ manifest, generation, digest, source, appliedAt }: StateRecord, now: Date): string[] {
  const { namespace, name } = manifest.metadata;
  const place = `${source.file}:${source.line}${source.commit === null ? "" : ` @ ${source.commit.slice(0, 7)}`}`;
  return [namespace, name, String(generation), shortDigest(digest), place, renderAge(appliedAt, now)];
}
