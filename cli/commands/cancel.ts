// `cancel <task>`: asks for the task to end; the runners that work on it stop what they do within a second.
import { requestCancel } from "../../store/tasks.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, printJson, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { type PersonFlags, saidBy } from "../said-by.ts";

export interface CancelOptions extends CommonFlags, PersonFlags {
  readonly task: string;
  readonly namespace?: string;
}

export async function runCancel(host: Host, options: CancelOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const { namespace, name, phase } = await findTask(redis, options);
    const by = await saidBy(host, redis, options, "run");
    const answer = await requestCancel(redis, { env: options.env, namespace, name }, by);
    if (answer !== "requested") {
      const message = `${name} is ${phase} already: there is nothing to cancel`;
      return printFailure(host, options.output, {
        code: "TASK_ENDED",
        message,
        details: { phase },
        exitCode: EXIT.failed,
      });
    }
    if (options.output === "json") printJson(host, { name, namespace, cancelRequested: true });
    else host.stdout.write(`${name} is being cancelled\n`);
    say(host, `Next: countwheel get task ${name}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}
