// What a command from a pull request may do beside the report: wake the loop, answer an approval, roll back, all in the name
// of whoever said it.
import { type ApprovalWord, githubIdentity, type Identity, identityText } from "../../contracts/approval.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ApprovalAnswer, Carried, Hands } from "../../reconciler/report/commands/carry-out.ts";
import { type AnswerOutcome, answerApproval } from "../../store/approvals/answer-approval.ts";
import type { KnownApproval } from "../../store/approvals/read-approvals.ts";
import { runRollback } from "../commands/rollback.ts";
import { EXIT } from "../exit-codes.ts";
import { findApproval } from "../find-approval.ts";
import type { Host } from "../host.ts";
import { failureOf } from "../output.ts";
import type { Loop } from "./environment.ts";
import type { ReconcileOptions } from "./options.ts";

export function openHands(host: Host, options: ReconcileOptions, { writer }: Loop, lookAgain: () => void): Hands {
  return {
    lookAgain,
    identityOf: (user) => githubIdentity(host.config.github.apiUrl, user),
    answerApproval: (answer) => answerAs(host, writer, answer),
    rollBack: (serial, by) => rollBack(host, { ...options, env: writer.env }, serial, by),
  };
}

async function answerAs(
  host: Host,
  { redis, queue, env }: Loop["writer"],
  { approval: name, said, by, reason, mayWrite }: ApprovalAnswer,
): Promise<Carried> {
  try {
    const approval = await findApproval(redis, { env, approval: name });
    // Named by the policy, or somebody who could change it: an outsider is neither.
    if (!mayWrite && approval.terms.approvers === null)
      return refused(`\`${identityText(by)}\` may not write to this repository, and the policy names nobody`);
    const word: ApprovalWord = { by, ...(reason === null ? {} : { reason }), at: host.now().toISOString() };
    const outcome = await answerApproval(redis, queue, { approval, answer: said, word });
    return outcome.outcome === "ruled"
      ? { outcome: "done", message: `\`${approval.name}\` is ${said}` }
      : refused(whyNot(approval, outcome));
  } catch (error) {
    if (error instanceof PermanentFailure) return refused(error.message);
    throw error;
  }
}

function whyNot(
  { name, task, expiresAt }: KnownApproval,
  outcome: Exclude<AnswerOutcome, { readonly outcome: "ruled" }>,
): string {
  switch (outcome.outcome) {
    case "not-allowed":
      return outcome.why;
    case "expired":
      return `\`${name}\` expired at ${expiresAt}`;
    case "settled":
      return `\`${name}\` is ${outcome.phase} already`;
    case "ended":
      return `\`${task}\` has ended: nothing waits for \`${name}\` any more`;
    case "missing":
      return `\`${name}\` is gone, with its task`;
  }
}

/** The command itself, with its refusals and holds; only its words go elsewhere. */
async function rollBack(
  host: Host,
  { env, redis, config, allowUnprotected }: ReconcileOptions,
  serial: number,
  by: Identity,
): Promise<Carried> {
  const told: string[] = [];
  const silent = { isTTY: false, columns: 80, write: () => undefined };
  const heard = { isTTY: false, columns: 80, write: (text: string) => void told.push(text) };
  const flags = {
    ...(redis === undefined ? {} : { redis }),
    ...(config === undefined ? {} : { config }),
    ...(allowUnprotected === undefined ? {} : { allowUnprotected }),
  };
  const options = { env, output: "json", verbose: false, to: String(serial), yes: true, by, ...flags } as const;
  try {
    const code = await runRollback({ ...host, stdout: heard, stderr: silent }, options);
    if (code === EXIT.ok) return { outcome: "done", message: `back to #${serial}, until the branch moves on` };
    return refused(messageIn(told.join("")) ?? `the rollback ended with exit code ${code}`);
  } catch (error) {
    const { exitCode, message } = failureOf(error);
    if (exitCode === EXIT.bug) throw error;
    return refused(message);
  }
}

function messageIn(text: string): string | undefined {
  const message = /"message":\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return message === undefined ? undefined : String(JSON.parse(message));
}

function refused(message: string): Carried {
  return { outcome: "refused", message };
}
