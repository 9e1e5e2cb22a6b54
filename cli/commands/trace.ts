// `trace <task>`: what happened, as a waterfall, as JSON, or followed while it happens.
import type { TaskRef } from "../../contracts/task.ts";
import { hasEnded } from "../../contracts/task.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { followTrace } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printList, say } from "../output.ts";
import { readPlaces } from "../places.ts";
import { openRedis } from "../redis.ts";
import { readVerifiedTrace, type VerifiedTrace } from "../verified-trace.ts";
import { renderTrace } from "../view/trace.ts";
import { renderEventLine } from "../view/trace-line.ts";
import type { PlaceOf } from "../view/trace-rows.ts";

export interface TraceOptions extends CommonFlags {
  readonly task: string;
  readonly namespace?: string;
  readonly follow: boolean;
}

export async function runTrace(host: Host, options: TraceOptions): Promise<ExitCode> {
  const { redis, connectAnother, close } = await openRedis(host, options);
  try {
    const task = await findTask(redis, options);
    const ref = { env: options.env, namespace: task.namespace, name: task.name };
    if (options.follow && !hasEnded(task.phase))
      return await follow(host, options, { ref, reader: connectAnother("worker") });
    const trace = await readVerifiedTrace(redis, ref);
    return await show(host, options, trace, await readPlaces(redis, options.env, trace.task.snapshot));
  } finally {
    await close();
  }
}

async function show(
  host: Host,
  options: TraceOptions,
  { task, events, verdict }: VerifiedTrace,
  placeOf: PlaceOf,
): Promise<ExitCode> {
  if (options.output === "json") printList(host, events);
  else if (options.output === "jsonl") for (const event of events) host.stdout.write(`${JSON.stringify(event)}\n`);
  else {
    const paint = paintFor(host.stdout, host.config.color);
    host.stdout.write(renderTrace({ task, events, verdict, placeOf }, paint, host.stdout.columns));
  }
  if (verdict.outcome === "intact") return EXIT.ok;
  const from = `from event ${verdict.seq} on (${verdict.reason})`;
  say(host, `TRACE_BROKEN: the trace of ${task.name} cannot be believed ${from}.`);
  return EXIT.failed;
}

async function follow(host: Host, options: TraceOptions, from: { ref: TaskRef; reader: Redis }): Promise<ExitCode> {
  const paint = paintFor(host.stdout, host.config.color);
  let startAt: string | undefined;
  for await (const event of followTrace(from.reader, from.ref, 0, host.signal)) {
    startAt ??= event.at;
    const line = isProgram(options) ? JSON.stringify(event) : renderEventLine(event, startAt, paint);
    host.stdout.write(`${line}\n`);
    if (endsTask(event)) break;
  }
  return EXIT.ok;
}

function isProgram(options: TraceOptions): boolean {
  return options.output === "json" || options.output === "jsonl";
}

function endsTask(event: TraceEvent): boolean {
  return ["task.succeeded", "task.failed", "task.dead_lettered", "task.cancelled"].includes(event.type);
}
