// `resume [kind] [name]`: lifts a suspension; for a whole environment also what a rollback left behind.
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { readHolds, resume } from "../../store/holds.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { type ResourceWords, resourceNamed } from "../resource-named.ts";
import { targetText } from "./suspend.ts";

export interface ResumeOptions extends CommonFlags, ResourceWords {
  readonly allowUnprotected?: boolean;
}

export async function runResume(host: Host, options: ResumeOptions): Promise<ExitCode> {
  const address = resourceNamed(options);
  const { redis, close } = await openRedis(host, options);
  try {
    const { env, output } = options;
    const lifted = await resume(redis, env, address);
    const { resources } = await readHolds(redis, env);
    if (output === "json")
      printJson(host, { formatVersion: "1", env, address, lifted, suspended: [...resources.keys()] });
    else if (lifted.length === 0) say(host, `${targetText(env, address)} was not suspended.`);
    else host.stdout.write(`${targetText(env, address)} goes on.\n`);
    for (const [still, suspension] of resources) say(host, `${still} stays ${suspensionText(suspension)}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}
