// `audit erase <task> --reason`: erases what was said in a task that has ended. The audit log keeps who did it, and why.
import { taskId } from "../../contracts/new-task.ts";
import { type EraseAnswer, eraseTask } from "../../store/erase-task.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { printFailure, printJson, say, UsageFailure } from "../output.ts";
import { refuseIdentity } from "../person.ts";
import { openRedis } from "../redis.ts";

export interface AuditEraseOptions extends CommonFlags {
  readonly task: string;
  readonly reason: string;
  readonly as?: string;
  readonly namespace?: string;
  readonly yes: boolean;
}

export async function runAuditErase(host: Host, options: AuditEraseOptions): Promise<ExitCode> {
  if (!options.yes)
    throw new UsageFailure("audit erase cannot be undone: export it first if it is needed, then say --yes");
  refuseIdentity(options.as);
  const { redis, close } = await openRedis(host, options);
  try {
    const { namespace, name } = await findTask(redis, options);
    const { as, reason } = options;
    const word = { by: localIdentity(), ...(as === undefined ? {} : { as }), reason, at: host.now().toISOString() };
    const answer = await eraseTask(redis, { env: options.env, namespace, name }, word);
    return tell(host, options, taskId({ namespace, name }), answer);
  } finally {
    await close();
  }
}

function tell(host: Host, { output }: AuditEraseOptions, task: string, answer: EraseAnswer): ExitCode {
  const fail = (code: string, message: string): ExitCode =>
    printFailure(host, output, { code, message, details: { task }, exitCode: EXIT.failed });
  switch (answer.outcome) {
    case "erased":
      if (output === "json") printJson(host, { task, erased: answer.events });
      else host.stdout.write(`${answer.events} events of ${task} have lost what was said in them.\n`);
      say(host, `Next: countwheel audit verify ${task}`);
      return EXIT.ok;
    case "missing":
      return fail("TASK_NOT_FOUND", `${task} is gone, with its trace`);
    case "going":
      return fail("TASK_GOING", `${task} has not ended, or not been finished off yet: nothing was erased`);
    case "erased-before":
      return fail("TASK_ERASED", `what was said in ${task} was erased at ${answer.at}`);
    case "broken":
      return fail(
        "TRACE_BROKEN",
        `event ${answer.seq} of ${task} is not what was written: nothing was erased, so that this stays to be seen`,
      );
  }
}
