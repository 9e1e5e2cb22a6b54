// `resume [kind] [name]`: lifts a suspension; for a whole environment also what a rollback left behind, and the hold on a
// branch that was rewritten.

import type { AcceptedHistory } from "../../contracts/holds.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { readHolds, resume, type Suspended } from "../../store/holds.ts";
import { publishLook } from "../../store/leader.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import type { ResourceWords } from "../resource-named.ts";
import { type PersonFlags, saidBy } from "../said-by.ts";
import { suspendedNamed, targetText } from "./suspend.ts";

export interface ResumeOptions extends CommonFlags, PersonFlags, ResourceWords {
  readonly allowUnprotected?: boolean;
}

export async function runResume(host: Host, options: ResumeOptions): Promise<ExitCode> {
  const address = suspendedNamed(options);
  const { redis, close } = await openRedis(host, options);
  try {
    const { env, output } = options;
    const by = await saidBy(host, redis, options, "apply");
    const lifted = await resume(redis, env, address, { by, since: host.now().toISOString() });
    const { resources, namespaces, acceptedHistory } = await readHolds(redis, env);
    const accepted = lifted.includes("history-accepted") ? acceptedHistory : null;
    if (lifted.length > 0) await publishLook(redis, env);
    const suspended = [...namespaces.keys(), ...resources.keys()];
    if (output === "json") printJson(host, { formatVersion: "1", env, address, lifted, accepted, suspended });
    else tell(host, { env, address, lifted, accepted });
    for (const [still, suspension] of [...namespaces, ...resources])
      say(host, `${still} stays ${suspensionText(suspension)}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

interface Resumed {
  readonly env: string;
  readonly address: Suspended | null;
  readonly lifted: readonly string[];
  readonly accepted: AcceptedHistory | null;
}

function tell(host: Host, { env, address, lifted, accepted }: Resumed): void {
  const target = targetText(env, address);
  if (lifted.length === 0) return say(host, `${target} was not suspended.`);
  host.stdout.write(`${target} goes on.\n`);
  if (accepted === null) return;
  const { to, from, history, by } = accepted;
  host.stdout.write(`${by} accepts the rewritten branch (${history}): ${to} may follow ${from}, once.\n`);
}
