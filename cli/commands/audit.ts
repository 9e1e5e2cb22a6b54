// `audit verify [task]`: checks every hash, link and number of the traces, that no tail was cut, and
// the list of where the traces of dropped tasks ended.
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRecord } from "../../contracts/task.ts";
import type { ChainVerdict } from "../../contracts/trace.ts";
import { type AuditVerdict, readAuditList, verifyAuditList } from "../../store/audit-list.ts";
import type { Redis } from "../../store/connect.ts";
import { listTasks } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printJson } from "../output.ts";
import { openRedis } from "../redis.ts";
import { readVerifiedTrace } from "../verified-trace.ts";
import { renderVerdict } from "../view/trace.ts";

export interface AuditVerifyOptions extends CommonFlags {
  readonly task?: string;
  readonly namespace?: string;
}

interface Verified {
  readonly task: string;
  readonly verdict: ChainVerdict;
}

export async function runAuditVerify(host: Host, options: AuditVerifyOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const tasks = await chosenTasks(redis, options);
    const verified: Verified[] = [];
    for (const task of tasks) verified.push(await verifyTask(redis, options.env, task));
    const dropped = verifyAuditList(options.env, await readAuditList(redis, options.env));
    return report(host, options, verified, dropped);
  } finally {
    await close();
  }
}

async function chosenTasks(redis: Redis, options: AuditVerifyOptions): Promise<readonly TaskRecord[]> {
  const { task } = options;
  return task === undefined ? await listTasks(redis, options.env) : [await findTask(redis, { ...options, task })];
}

async function verifyTask(redis: Redis, env: string, { namespace, name }: TaskRecord): Promise<Verified> {
  const ref = { env, namespace, name };
  return { task: taskId(ref), verdict: (await readVerifiedTrace(redis, ref)).verdict };
}

function report(
  host: Host,
  options: AuditVerifyOptions,
  verified: readonly Verified[],
  dropped: AuditVerdict,
): ExitCode {
  const broken = verified.filter(({ verdict }) => verdict.outcome === "broken");
  const valid = broken.length === 0 && dropped.outcome === "intact";
  if (options.output === "json") {
    const items = verified.map(({ task, verdict }) => ({ task, ...verdict }));
    printJson(host, { formatVersion: "1", valid, items, dropped });
  } else {
    const paint = paintFor(host.stdout, host.config.color);
    for (const { task, verdict } of verified) host.stdout.write(`${task}  ${renderVerdict(verdict, paint)}\n`);
    host.stdout.write(`${verified.length} ${verified.length === 1 ? "trace" : "traces"}, ${broken.length} broken.\n`);
    host.stdout.write(droppedSentence(dropped));
  }
  return valid ? EXIT.ok : EXIT.failed;
}

/** Nothing where no task was ever dropped. */
function droppedSentence(dropped: AuditVerdict): string {
  if (dropped.outcome === "broken")
    return `The audit list of dropped tasks is broken at its entry ${dropped.number}.\n`;
  const { entries } = dropped;
  return entries === 0 ? "" : `${entries} dropped before, whose ends the audit list keeps: intact.\n`;
}
