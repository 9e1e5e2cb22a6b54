// Approvals for people: a table, and one with all that there is to know before saying yes.

import { type Identity, identityText, type ModelQuestion, type ToolQuestion } from "../../contracts/approval.ts";
import { renderDuration } from "../../contracts/duration.ts";
import { wholeNumber } from "../../contracts/whole-number.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { KnownApproval } from "../../store/approvals/read-approvals.ts";
import { renderAge, renderCost } from "./table.ts";
import type { PlaceOf } from "./trace-rows.ts";

const LONGEST_SHOWN = 60;

/** The header first. */
export function approvalRows(approvals: readonly KnownApproval[], now: Date): string[][] {
  const header = ["NAMESPACE", "NAME", "PHASE", "AGENT", "ASKS FOR", "WITH", "EXPIRES", "AGE"];
  const rows = approvals.map((approval) => {
    const { namespace, name, phase, agent, requestedAt } = approval;
    const [what, shown] = asksFor(approval).map((text) => shorten(oneLine(text), LONGEST_SHOWN));
    return [
      namespace,
      name,
      phase,
      agent,
      what ?? "",
      shown ?? "",
      expiryText(approval, now),
      renderAge(requestedAt, now),
    ];
  });
  return [header, ...rows];
}

function asksFor(asked: ToolQuestion | ModelQuestion): readonly [what: string, shown: string] {
  if (asked.about === "tool") return [`tool ${asked.tool}`, JSON.stringify(asked.arguments) ?? ""];
  return [`model ${asked.model}`, `${estimateOf(asked)}: ${asked.lastMessage.text}`];
}

/** From above: nobody knows before the call. */
function estimateOf({ reserveTokens, reserveMicroUsd }: ModelQuestion): string {
  const cost = reserveMicroUsd === null ? "unknown cost" : renderCost(reserveMicroUsd / 1_000_000);
  return `at most ${wholeNumber(reserveTokens)} tokens, ${cost}`;
}

function expiryText({ phase, expiresAt }: KnownApproval, now: Date): string {
  if (phase !== "Pending" && phase !== "Approved") return "-";
  const leftMs = Date.parse(expiresAt) - now.getTime();
  return leftMs <= 0 ? "now" : `in ${renderDuration(leftMs)}`;
}

export interface AroundApproval {
  /** null: no person is known to have asked for the task. */
  readonly requestedBy: Identity | null;
  readonly placeOf: PlaceOf;
}

export function renderApproval(approval: KnownApproval, { requestedBy, placeOf }: AroundApproval, now: Date): string {
  const { name, namespace, task, phase, activation, step, expiresAt, terms, word } = approval;
  const expiry = expiryText(approval, now);
  const facts: readonly (readonly [string, string])[] = [
    ["Name", `${namespace}/${name}`],
    ["Phase", phase],
    ["Task", `${namespace}/${task}, ${activation}, step ${step}`],
    ["Agent", `${approval.agent}, turn ${approval.turn}`],
    ...subjectFacts(approval),
    ["Asked", approval.requestedAt],
    ["Expires", expiry === "-" ? expiresAt : `${expiresAt} (${expiry})`],
    ["May answer", answerersText(terms, requestedBy)],
    ["Known by", proofText(terms)],
    ["Bound to", `${approval.binding}, decision ${approval.decisionId}`],
    ...(word === undefined
      ? []
      : [
          [
            "Answer",
            `by ${identityText(word.by)}${word.as === undefined ? "" : ` (${oneLine(word.as)})`}, ${word.at}`,
          ] as const,
        ]),
    ...(word?.reason === undefined ? [] : [["Because", oneLine(word.reason)] as const]),
  ];
  const head = facts.map(([label, value]) => `${`${label}:`.padEnd(12)}${value}\n`).join("");
  return `${head}\n${contentOf(approval)}\n\nAsked because of:\n${reasonLines(approval, placeOf)}`;
}

function subjectFacts(asked: ToolQuestion | ModelQuestion): readonly (readonly [string, string])[] {
  if (asked.about === "tool") {
    const { tool, operationClasses } = asked;
    return [["Tool", `${tool}${operationClasses.length === 0 ? "" : ` (${operationClasses.join(", ")})`}`]];
  }
  const { model, provider, endpoint } = asked;
  return [
    ["Model", `${model} of ${provider}${endpoint === null ? "" : `, ModelEndpoint ${endpoint}`}`],
    ["Takes", estimateOf(asked)],
  ];
}

function contentOf(asked: ToolQuestion | ModelQuestion): string {
  if (asked.about === "tool") return `Arguments:\n${indent(JSON.stringify(asked.arguments, null, 2) ?? "null")}`;
  const { messages, lastMessage } = asked;
  return `The last of ${messages} message${messages === 1 ? "" : "s"} (${oneLine(lastMessage.role)}):\n${indent(lastMessage.text)}`;
}

type Terms = KnownApproval["terms"];

function answerersText({ approvers, notRequester }: Terms, requestedBy: Identity | null): string {
  const who = approvers === null ? "anybody" : approvers.join(", ") || "nobody";
  const asker = requestedBy === null ? "nobody that is known" : identityText(requestedBy);
  return notRequester ? `${who}, but not who asked for the task (${asker})` : who;
}

const PROOFS: Readonly<Record<Identity["kind"], string>> = {
  local: "local: by their user on the machine where they answer",
  token: "token: by COUNTWHEEL_TOKEN",
  github: "github: by their GITHUB_TOKEN, with --github",
};

/** How those who may answer show who they are. */
function proofText({ approvers }: Terms): string {
  const proofs = Object.entries(PROOFS).filter(
    ([kind]) => approvers === null || approvers.some((approver) => approver.startsWith(`${kind}:`)),
  );
  return proofs.map(([, proof]) => proof).join(" · ") || "-";
}

function reasonLines({ reasons }: KnownApproval, placeOf: PlaceOf): string {
  return reasons
    .map(({ policy, rule, message }) => {
      const place = placeOf(policy);
      return `  ${policy} ${rule}${place === undefined ? "" : ` (${place})`}: ${oneLine(message)}\n`;
    })
    .join("");
}

/** They are a model's words, or a stranger's: nothing of theirs hides, or speaks to the terminal. */
function indent(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${oneLine(line)}`)
    .join("\n");
}
