// `describe <kind> <name>`: everything that is known of one resource or task, for people.

import { displayAddress } from "../../contracts/address.ts";
import { type Evidence, evidenceOf } from "../../contracts/evidence.ts";
import { requirementTexts } from "../../contracts/matching.ts";
import type { StateRecord } from "../../contracts/record.ts";
import { hideSensitive } from "../../contracts/sensitive.ts";
import { hasEnded, type TaskRecord, type TaskTrigger } from "../../contracts/task.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import type { Redis } from "../../store/connect.ts";
import { readState } from "../../store/state.ts";
import { readTaskBytes } from "../../store/task-size.ts";
import { readTrace } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { Host } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";
import { breakerOf, budgetsOf, type RecordFacts, readRecordFacts } from "../record-facts.ts";
import { openRedis } from "../redis.ts";
import { progressCell, type ShownTask, showTasks } from "../shown-task.ts";
import { breakerSentence } from "../view/breaker.ts";
import { renderBudgets } from "../view/budgets.ts";
import { renderEvidence } from "../view/evidence.ts";
import { scheduleLines } from "../view/schedules.ts";
import { renderAge, renderBytes, renderCost, renderTable } from "../view/table.ts";
import { paintPhase } from "../view/trace.ts";
import { type GetOptions, kindOf, pickRecord, recordView } from "./get.ts";
import { describeApproval } from "./get-approvals.ts";

export type DescribeOptions = Omit<GetOptions, "watch" | "name"> & { readonly name: string };

export async function runDescribe(host: Host, options: DescribeOptions): Promise<ExitCode> {
  const kind = kindOf(options.kind);
  const { redis, close } = await openRedis(host, options);
  try {
    if (kind === "Task") await describeTask(host, options, redis);
    else if (kind === "ToolApproval") await describeApproval(host, options, redis);
    else {
      const { records } = await readState(redis, options.env);
      const facts = await readRecordFacts(redis, options.env, kind, host.now());
      describeRecord(host, options, pickRecord(records.values(), kind, options), facts);
    }
    return EXIT.ok;
  } finally {
    await close();
  }
}

async function describeTask(host: Host, options: DescribeOptions, redis: Redis): Promise<void> {
  const found = await findTask(redis, { ...options, task: options.name });
  const [shown = found] = await showTasks(redis, options.env, [found]);
  const { namespace, name, activations } = shown;
  const ids = activations.map(({ id }) => id);
  const task = { ...shown, redisBytes: await readTaskBytes(redis, { env: options.env, namespace, name }, ids) };
  const evidence = await readEvidence(redis, options.env, task);
  if (options.output === "json") return printJson(host, evidence === undefined ? task : { ...task, evidence });
  host.stdout.write(`${renderTask(host, task)}${evidence === undefined ? "" : renderEvidence(evidence)}`);
  say(host, nextFor(task));
}

/** Of tasks that went wrong: their trace, boiled down to what a person looks for first. */
async function readEvidence(redis: Redis, env: string, task: TaskRecord): Promise<Evidence | undefined> {
  const { namespace, name, phase } = task;
  if (phase !== "DeadLetter" && phase !== "Failed" && phase !== "Unknown") return undefined;
  return evidenceOf(await readTrace(redis, { env, namespace, name }));
}

interface SizedTask extends ShownTask {
  readonly redisBytes: number;
}

function renderTask(host: Host, task: SizedTask): string {
  const paint = paintFor(host.stdout, host.config.color);
  const facts: readonly (readonly [string, string])[] = [
    ["Name", `${task.namespace}/${task.name}`],
    ["System", task.system],
    ["Phase", paintPhase(task.phase, paint)],
    ...(task.waiting === undefined ? [] : [["Waits", paint("yellow", task.waiting.message)] as const]),
    ["Priority", task.priority],
    ...(Object.keys(task.requirements).length === 0
      ? []
      : [["Requires", requirementTexts(task.requirements).join(", ")] as const]),
    ["Attempts", String(task.attempts)],
    ["Tokens", `${wholeNumber(task.tokens.input)} in / ${wholeNumber(task.tokens.output)} out`],
    ["Cost", renderCost(task.costUsd)],
    ["Calls", callsText(task)],
    ...(isReserved(task) ? [["Reserved", reservedText(task)] as const] : []),
    ["Created", task.createdAt],
    ["Started", task.startedAt ?? "-"],
    ["Finished", task.finishedAt ?? "-"],
    ...(task.trigger === undefined ? [] : [["Made by", triggerText(task.trigger)] as const]),
    [
      "Source",
      task.source === undefined
        ? "made by hand"
        : `${task.source.file}:${task.source.line} @ ${task.source.commit?.slice(0, 7) ?? "working tree"}`,
    ],
    ["Snapshot", task.snapshot],
    ["Trace", `${task.trace.seq} events, head ${task.trace.head}`],
    ["Redis", renderBytes(task.redisBytes)],
    ...(task.lastError === undefined
      ? []
      : [["Error", paint("red", `${task.lastError.code}: ${task.lastError.message}`)] as const]),
  ];
  const head = facts.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`).join("");
  return `${head}\nActivations:\n${renderActivations(task)}${renderProgress(task, host.now())}${renderTexts("Input", task.input)}${renderTexts("Output", task.output ?? {})}`;
}

function callsText({ budget: { steps, calls } }: TaskRecord): string {
  const tools = Object.entries(calls).map(([tool, count]) => `${tool} ${count}`);
  return `${steps}${tools.length === 0 ? "" : ` (${tools.join(", ")})`}`;
}

function isReserved({ budget: { reservedTokens, reservedUsd } }: TaskRecord): boolean {
  return reservedTokens > 0 || reservedUsd > 0;
}

function reservedText({ budget: { reservedTokens, reservedUsd } }: TaskRecord): string {
  return `${wholeNumber(reservedTokens)} tokens, ${renderCost(reservedUsd)}, by calls under way or lost`;
}

function triggerText(trigger: TaskTrigger): string {
  const what = trigger.kind === "schedule" ? `its slot ${trigger.slot}` : `event ${oneLine(trigger.event)}`;
  return `${trigger.address}, ${what}`;
}

function renderActivations(task: TaskRecord): string {
  const rows = task.activations.map(({ id, phase, holder, epoch, attempts }) => [
    `  ${id}`,
    phase,
    holder ?? "-",
    String(epoch),
    String(attempts),
  ]);
  return renderTable(["  ID", "PHASE", "HOLDER", "EPOCH", "ATTEMPTS"], rows);
}

function renderProgress({ progress = [] }: ShownTask, now: Date): string {
  const rows = progress.map((call) => [
    `  ${call.activation}`,
    call.tool,
    progressCell(call),
    `${renderAge(call.at, now)} ago`,
  ]);
  return rows.length === 0 ? "" : `\nUnder way:\n${renderTable(["  ACTIVATION", "TOOL", "PROGRESS", "TOLD"], rows)}`;
}

function renderTexts(title: string, texts: Readonly<Record<string, string>>): string {
  const entries = Object.entries(texts);
  if (entries.length === 0) return "";
  const shown = entries.map(([name, text]) => `  ${name}:\n${indent(text.trimEnd())}\n`);
  return `\n${title}:\n${shown.join("")}`;
}

function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
}

function nextFor(task: TaskRecord): string {
  if (task.phase === "Unknown") return `Next: countwheel resolve ${task.name} --done|--retry|--fail`;
  if (task.phase === "WaitingApproval") return "Next: countwheel get approvals";
  if (task.phase === "DeadLetter") return `Next: countwheel retry ${task.name}`;
  return `Next: countwheel trace ${task.name}${hasEnded(task.phase) ? "" : " -f"}`;
}

function describeRecord(host: Host, options: DescribeOptions, record: StateRecord, known: RecordFacts): void {
  if (options.output === "json") return printJson(host, recordView(record, known));
  const { manifest, source, digest, generation, serial, appliedAt } = record;
  const facts: readonly (readonly [string, string])[] = [
    ["Address", displayAddress({ kind: manifest.kind, ...manifest.metadata })],
    ["Declared", `${source.file}:${source.line} @ ${source.commit?.slice(0, 7) ?? "working tree"} of ${source.repo}`],
    ["Applied", `${appliedAt}, serial ${serial}, generation ${generation}`],
    ["Digest", digest],
    ...(manifest.kind === "TaskSchedule" ? scheduleLines(known.schedules.get(record.address)) : []),
    ...(manifest.kind === "ModelEndpoint" ? [["Breaker", breakerSentence(breakerOf(record, known))] as const] : []),
  ];
  const head = facts.map(([name, value]) => `${`${name}:`.padEnd(12)}${value}\n`).join("");
  host.stdout.write(`${head}\n${renderYaml(hideSensitive(manifest))}${renderBudgets(budgetsOf(record, known))}`);
  say(host, `Next: countwheel explain ${manifest.kind}`);
}
