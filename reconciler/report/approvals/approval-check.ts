// The check run of an approval: who asks for what, by which rule, until when, and what became of it. What a model wrote, or a
// tool, stands in fences, as it was redacted for the trace. Pure.
import { type ApprovalRecord, askedName, identityText } from "../../../contracts/approval.ts";
import type { RecordSource } from "../../../contracts/record.ts";
import type { TaskRecord } from "../../../contracts/task.ts";
import type { RefusedPress } from "../../../store/approvals/approval-checks.ts";
import { codeSpan, oneLine, prose, shorten } from "../../plan/inert.ts";
import { fitFence, fitLines, OUTPUT_BYTES } from "../byte-budget.ts";
import { checkName } from "../check-run.ts";
import type { CheckButton, Conclusion } from "../github/checks.ts";
import { taskName } from "../render-trace.ts";

export interface ShownApproval {
  readonly approval: ApprovalRecord;
  readonly task: Pick<TaskRecord, "requestedBy" | "trigger">;
  /** Where the manifest of a rule stands; undefined: it is none of those that the task began with. */
  readonly sourceOf: (policy: string) => RecordSource | undefined;
  readonly linkTo: (place: RecordSource, commit: string) => string | undefined;
  /** Somebody hears who presses. */
  readonly buttons: boolean;
  /** False: names and digests alone, and where the rest is to be seen. */
  readonly isWhole: boolean;
  readonly refused: readonly RefusedPress[];
  /** Markdown of ours, behind everything else; empty: nothing. */
  readonly remark: string;
}

export interface ApprovalOutput {
  readonly conclusion: Conclusion;
  readonly output: { readonly title: string; readonly summary: string; readonly text: string };
  readonly actions: CheckButton[];
}

/** The beginning of what GitHub keeps of each check of an approval, and tells with a press of its buttons. */
export function approvalKeyPrefix(env: string): string {
  return `countwheel:approval:${env}:`;
}

/** Bound to all that is asked: another question has another key. */
export function approvalKey(env: string, { id, binding }: Pick<ApprovalRecord, "id" | "binding">): string {
  return `${approvalKeyPrefix(env)}${id}:${binding}`;
}

export function approvalCheckName(env: string, approval: Pick<ApprovalRecord, "namespace" | "name">): string {
  return checkName(`approval ${taskName(approval)}`, env);
}

const APPROVE = "approve:";
const DENY = "deny:";

/** Undefined: it is no button of this approval. */
export function answerOfButton(button: string, { id }: Pick<ApprovalRecord, "id">): "approved" | "denied" | undefined {
  if (button === `${APPROVE}${id}`) return "approved";
  return button === `${DENY}${id}` ? "denied" : undefined;
}

function buttonsOf({ id }: ApprovalRecord): CheckButton[] {
  return [
    { label: "Approve", description: "Exactly this, once, in your name", identifier: `${APPROVE}${id}` },
    { label: "Deny", description: "It does not happen, in your name", identifier: `${DENY}${id}` },
  ];
}

export function renderApprovalCheck(shown: ShownApproval): ApprovalOutput {
  const { approval, buttons, isWhole } = shown;
  const isOpen = approval.phase === "Pending";
  const text = isWhole ? renderContent(approval) : renderHidden(approval);
  return {
    conclusion: conclusionOf(approval),
    output: { title: titleOf(approval), summary: renderSummary(shown), text },
    // An empty list takes away those that were there.
    actions: isOpen && buttons ? buttonsOf(approval) : [],
  };
}

/** Of an approval that is gone, with its task. */
export function renderGone(): ApprovalOutput {
  const summary = "The task that asked is gone: nobody waits for this any more.";
  return { conclusion: "neutral", output: { title: "Not waited for any more", summary, text: "" }, actions: [] };
}

function conclusionOf({ phase }: ApprovalRecord): Conclusion {
  switch (phase) {
    case "Pending":
      return "action_required";
    case "Approved":
    case "Used":
      return "success";
    case "Denied":
      return "failure";
    case "Expired":
    case "Void":
      return "neutral";
  }
}

const TITLE_LENGTH = 120;

function titleOf(approval: ApprovalRecord): string {
  const { agent, about, word } = approval;
  const what = about === "tool" ? `a call of ${approval.tool}` : askedName(approval);
  return shorten(
    oneLine(`${agent}: ${what}${endOf(approval, word === undefined ? "" : ` by ${nameOf(word)}`)}`),
    TITLE_LENGTH,
  );
}

function nameOf({ by }: NonNullable<ApprovalRecord["word"]>): string {
  return identityText(by);
}

function endOf({ phase }: ApprovalRecord, by: string): string {
  switch (phase) {
    case "Pending":
      return " waits for a person";
    case "Approved":
    case "Used":
      return ` was approved${by}`;
    case "Denied":
      return ` was denied${by}`;
    case "Expired":
      return by === "" ? " was not answered in time" : ` was approved${by}, and not used in time`;
    case "Void":
      return " is not waited for any more";
  }
}

function renderSummary(shown: ShownApproval): string {
  const { approval, refused, remark } = shown;
  const lines = [
    ...factLines(shown),
    "",
    "**Asked because of**",
    "",
    ...reasonLines(shown),
    "",
    approval.phase === "Pending" ? howToAnswer(shown) : answerLine(approval),
    ...(refused.length === 0 ? [] : ["", ...refused.map(renderRefused)]),
    ...(remark === "" ? [] : ["", remark]),
  ];
  return fitLines(lines, OUTPUT_BYTES, (rest) => `… and ${rest} lines more: ${codeSpan(describeCommand(approval))}`);
}

function factLines({ approval, task }: ShownApproval): string[] {
  const { agent, turn, activation, step, expiresAt, binding } = approval;
  return [
    `${codeSpan(agent)} asks for ${subjectText(approval)}.`,
    "",
    `- Task ${codeSpan(taskName({ namespace: approval.namespace, name: approval.task }))}, ${codeSpan(activation)}, turn ${turn}, step ${codeSpan(step)}; ${requesterText(task)}`,
    `- ${answerersText(approval)}, until ${codeSpan(expiresAt)}`,
    `- Bound to ${codeSpan(binding)}`,
  ];
}

function subjectText(approval: ApprovalRecord): string {
  if (approval.about === "tool") {
    const { tool, operationClasses } = approval;
    const classes = operationClasses.length === 0 ? "" : ` (${operationClasses.join(", ")})`;
    return `a call of ${codeSpan(tool)}${classes}`;
  }
  const { model, provider, endpoint, reserveTokens, reserveMicroUsd } = approval;
  const at = endpoint === null ? "" : `, ModelEndpoint ${codeSpan(endpoint)}`;
  const cost = reserveMicroUsd === null ? "at an unknown price" : `$${(reserveMicroUsd / 1_000_000).toFixed(4)}`;
  return `a turn of model ${codeSpan(model)} of ${codeSpan(provider)}${at}: at most ${reserveTokens} tokens, ${cost}`;
}

function requesterText({ requestedBy, trigger }: ShownApproval["task"]): string {
  if (requestedBy !== undefined) return `asked for by ${codeSpan(identityText(requestedBy))}`;
  if (trigger !== undefined) return `made by ${codeSpan(trigger.address)}`;
  return "made by the apply of this commit";
}

function answerersText({ terms: { approvers, notRequester } }: ApprovalRecord): string {
  const who =
    approvers === null
      ? "Whoever may write to the repository answers"
      : approvers.length === 0
        ? "Nobody can answer: the rules that ask name different people"
        : `Only ${approvers.map(codeSpan).join(", ")} answer`;
  return notRequester ? `${who}, but not who asked for the task` : who;
}

function reasonLines({ approval, sourceOf, linkTo }: ShownApproval): string[] {
  return approval.reasons.map(({ policy, rule, message }) => {
    const source = sourceOf(policy);
    const target = source?.commit == null ? undefined : linkTo(source, source.commit);
    const place = source === undefined ? "" : `${source.file}:${source.line}`;
    const where = place === "" ? "" : `, ${target === undefined ? codeSpan(place) : `[${codeSpan(place)}](${target})`}`;
    return `- ${codeSpan(policy)} ${codeSpan(rule)}${where}: ${prose(message)}`;
  });
}

function howToAnswer({ approval, buttons }: ShownApproval): string {
  const name = taskName(approval);
  const said = `${codeSpan(`/countwheel approve ${name}`)} or ${codeSpan(`/countwheel deny ${name} WHY`)}`;
  const press = buttons ? "Press a button above, or say " : "Say ";
  return `${press}${said} in a comment on a pull request, or ${codeSpan(`countwheel approve ${name}`)}. It is answered once, and counts for exactly this.`;
}

function answerLine(approval: ApprovalRecord): string {
  const { word } = approval;
  if (word === undefined) return `**Nobody answered**: it${endOf(approval, "")}.`;
  const as = word.as === undefined ? "" : ` (${codeSpan(word.as)})`;
  const why = word.reason === undefined ? "" : `: ${codeSpan(word.reason)}`;
  const left = approval.phase === "Expired" || approval.phase === "Void" ? `; it${endOf(approval, "")}` : "";
  return `**Answered** by ${codeSpan(nameOf(word))}${as} at ${codeSpan(word.at)}${why}${left}.`;
}

function renderRefused({ by, text, message }: RefusedPress): string {
  return `- ⛔ ${codeSpan(by)} ${codeSpan(text)}: ${prose(message)}`;
}

function describeCommand(approval: ApprovalRecord): string {
  return `countwheel describe approval ${taskName(approval)}`;
}

function renderHidden(approval: ApprovalRecord): string {
  return `What is in it is not shown here (\`github.approvals: names\`): ${codeSpan(describeCommand(approval))}`;
}

/** One line that is longer would leave room for nothing else. */
const LINE_LENGTH = 4_000;

function renderContent(approval: ApprovalRecord): string {
  const [heading, text] = contentOf(approval);
  const lines = text.split("\n").map((line) => shorten(line, LINE_LENGTH));
  const isCut = lines.some((line) => line.length >= LINE_LENGTH);
  const cut = isCut ? `\n\nLong lines are cut: ${codeSpan(describeCommand(approval))} shows all of it.` : "";
  const room = OUTPUT_BYTES - Buffer.byteLength(heading) - Buffer.byteLength(cut) - 2;
  const more = (rest: number): string => `… and ${rest} lines more: ${describeCommand(approval)}`;
  return `${heading}\n\n${fitFence(lines, room, more)}${cut}`;
}

function contentOf(approval: ApprovalRecord): readonly [heading: string, text: string] {
  if (approval.about === "tool") return ["**Arguments**", JSON.stringify(approval.arguments, null, 2) ?? "null"];
  const { messages, lastMessage } = approval;
  const count = `${messages} message${messages === 1 ? "" : "s"}`;
  return [`**The last of ${count}** (${codeSpan(lastMessage.role)})`, lastMessage.text];
}
