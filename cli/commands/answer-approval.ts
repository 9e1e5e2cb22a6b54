// `approve <approval>` and `deny <approval>`: a person's word on a call or a turn that waits for it. The trace keeps who said what.
import { type ApprovalWord, askedFacts, askedName, type Identity, identityText } from "../../contracts/approval.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import { type AnswerOutcome, answerApproval } from "../../store/approvals/answer-approval.ts";
import type { KnownApproval } from "../../store/approvals/read-approvals.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findApproval } from "../find-approval.ts";
import type { CommonFlags, Host } from "../host.ts";
import { identityOf } from "../identity.ts";
import { printFailure, printJson, say } from "../output.ts";
import { refuseIdentity } from "../person.ts";
import { openRedis } from "../redis.ts";

export interface AnswerOptions extends CommonFlags {
  readonly approval: string;
  readonly namespace?: string;
  readonly reason?: string;
  /** They are the user of their GITHUB_TOKEN. */
  readonly github?: boolean;
  /** What they want to be called in the trace. */
  readonly as?: string;
}

type Said = "approved" | "denied";

export const runApprove = (host: Host, options: AnswerOptions): Promise<ExitCode> => answer(host, options, "approved");
export const runDeny = (host: Host, options: AnswerOptions): Promise<ExitCode> => answer(host, options, "denied");

async function answer(host: Host, options: AnswerOptions, said: Said): Promise<ExitCode> {
  refuseIdentity(options.as);
  const { redis, close } = await openRedis(host, options);
  try {
    const by = await identityOf(host, redis, { ...options, right: "approve" });
    const approval = await findApproval(redis, options);
    const outcome = await tellStore(redis, options.env, approval, said, wordOf(host, options, by));
    if (outcome.outcome !== "ruled") return refuse(host, options, approval, outcome);
    return tell(host, options, approval, { said, by });
  } finally {
    await close();
  }
}

function wordOf(host: Host, { as, reason }: AnswerOptions, by: Identity): ApprovalWord {
  const told = { ...(as === undefined ? {} : { as }), ...(reason === undefined ? {} : { reason }) };
  return { by, ...told, at: host.now().toISOString() };
}

async function tellStore(
  redis: Redis,
  env: string,
  approval: KnownApproval,
  said: Said,
  word: ApprovalWord,
): Promise<AnswerOutcome> {
  const queue = openQueue(redis, env);
  try {
    return await answerApproval(redis, queue, { approval, answer: said, word });
  } finally {
    await queue.close();
  }
}

function tell(
  host: Host,
  { output }: AnswerOptions,
  approval: KnownApproval,
  { said, by: who }: { readonly said: Said; readonly by: Identity },
): ExitCode {
  const { name, namespace, task } = approval;
  const by = identityText(who);
  if (output === "json") printJson(host, { name, namespace, task, ...askedFacts(approval), answer: said, by });
  else host.stdout.write(`${name} is ${said}: ${consequence(approval, said)}\n`);
  say(host, `Next: countwheel trace ${task} -f`);
  return EXIT.ok;
}

function consequence(approval: KnownApproval, said: Said): string {
  const what = oneLine(askedName(approval));
  if (approval.about === "tool") return said === "approved" ? `${what} is called once` : `${what} is not called`;
  return said === "approved" ? `${what} goes on until it is answered` : `${what} is not asked for`;
}

function refuse(
  host: Host,
  { output }: AnswerOptions,
  { name, task, expiresAt }: KnownApproval,
  outcome: Exclude<AnswerOutcome, { outcome: "ruled" }>,
): ExitCode {
  const fail = (code: string, message: string, exitCode: ExitCode = EXIT.failed): ExitCode =>
    printFailure(host, output, { code, message, details: { approval: name }, exitCode });
  switch (outcome.outcome) {
    case "not-allowed":
      return fail("APPROVAL_NOT_ALLOWED", outcome.why, EXIT.blocked);
    case "expired":
      return fail("APPROVAL_EXPIRED", `${name} expired at ${expiresAt}: nothing was approved`);
    case "settled":
      return fail("APPROVAL_SETTLED", `${name} is ${outcome.phase} already; an approval is answered once`);
    case "ended":
      return fail("TASK_ENDED", `${task} has ended: nothing waits for ${name} any more`);
    case "missing":
      return fail("APPROVAL_NOT_FOUND", `${name} is gone, with its task`);
  }
}
