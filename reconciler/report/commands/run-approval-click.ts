// Carries out the buttons of an approval's check: the answer of whoever pressed, with the rights that they have at this moment,
// to exactly the question whose digest the check bears.
import { identityText } from "../../../contracts/approval.ts";
import {
  approvalCheckField,
  readApprovalChecks,
  writeApprovalCheck,
} from "../../../store/approvals/approval-checks.ts";
import { type KnownApproval, readApprovals } from "../../../store/approvals/read-approvals.ts";
import { appendAudit } from "../../../store/audit-log.ts";
import type { Click } from "../../../store/page-clicks.ts";
import { answerOfButton, approvalKeyPrefix } from "../approvals/approval-check.ts";
import { type ApprovalTelling, showRefused } from "../approvals/approval-posts.ts";
import type { Github } from "../github.ts";
import { taskName } from "../render-trace.ts";
import type { Carried } from "./carry-out.ts";
import { type CommandDesk, unlessGone } from "./run-commands.ts";

export interface ClickDesk extends CommandDesk, Pick<ApprovalTelling, "buttons" | "approvalsShown"> {
  readonly github: CommandDesk["github"] & ApprovalTelling["github"] & Pick<Github, "mayWrite">;
}

export function isApprovalClick(env: string, { externalId }: Pick<Click, "externalId">): boolean {
  return externalId.startsWith(approvalKeyPrefix(env));
}

/** Answers whether anything was done or refused. `once`: names this press. */
export async function runApprovalClick(desk: ClickDesk, click: Click, once: string): Promise<boolean> {
  const { redis, env, say, hands, github } = desk;
  const approval = await findAsked(desk, click);
  const answer = approval === undefined ? undefined : answerOfButton(click.button, approval);
  if (approval === undefined || answer === undefined) {
    say(
      `a button of an approval that nobody waits for was pressed by ${JSON.stringify(click.login)}: nothing was done`,
    );
    return false;
  }
  const by = hands.identityOf({ login: click.login, id: click.person });
  const mayWrite = await github.mayWrite(click.login);
  const name = `${approval.namespace}/${approval.name}`;
  const carried = await hands.answerApproval({ approval: name, said: answer, by, reason: null, mayWrite });
  const command = `button: ${answer === "approved" ? "approve" : "deny"} ${taskName(approval)}`;
  const facts = { kind: "command", by: identityText(by), command, checkRun: click.checkRun, ...carried } as const;
  await appendAudit(redis, env, [{ once, facts }]);
  // Whoever may not write to the repository gets no line on its page.
  if (carried.outcome === "refused" && mayWrite)
    await unlessGone(desk, () => tellRefused(desk, approval, { by: identityText(by), text: command, ...carried }));
  return true;
}

/** By the number of the check that is noted for it, and by all that it is bound to. */
async function findAsked({ redis, env }: ClickDesk, click: Click): Promise<KnownApproval | undefined> {
  const notes = [...(await readApprovalChecks(redis, env)).values()];
  const note = notes.find(({ key, commit }) => key === click.externalId && commit === click.head);
  if (note === undefined) return undefined;
  const { namespace, task: name, id } = note;
  return (await readApprovals(redis, { env, namespace, name })).find((approval) => approval.id === id);
}

/** How many stand there. */
const KEPT = 5;

async function tellRefused(
  desk: ClickDesk,
  approval: KnownApproval,
  { by, text, message }: Carried & { readonly by: string; readonly text: string },
): Promise<void> {
  const { redis, env } = desk;
  const { namespace, task, id } = approval;
  const note = (await readApprovalChecks(redis, env)).get(approvalCheckField({ namespace, task, id }));
  if (note?.state !== "open") return;
  const told = { ...note, refused: [...note.refused, { by, text, message }].slice(-KEPT) };
  await writeApprovalCheck(redis, env, told);
  await showRefused(desk, told, approval);
}
