// Approvals for people: a table, and one with all that there is to know before saying yes.
import { identityText } from "../../contracts/approval.ts";
import { renderDuration } from "../../contracts/duration.ts";
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { KnownApproval } from "../../store/approvals/read-approvals.ts";
import { renderAge } from "./table.ts";
import type { PlaceOf } from "./trace-rows.ts";

const LONGEST_ARGUMENTS = 60;

/** The header first. */
export function approvalRows(approvals: readonly KnownApproval[], now: Date): string[][] {
  const header = ["NAMESPACE", "NAME", "PHASE", "AGENT", "TOOL", "ARGUMENTS", "EXPIRES", "AGE"];
  const rows = approvals.map((approval) => {
    const { namespace, name, phase, agent, tool, requestedAt } = approval;
    const shown = shorten(oneLine(JSON.stringify(approval.arguments) ?? ""), LONGEST_ARGUMENTS);
    return [namespace, name, phase, agent, tool, shown, expiryText(approval, now), renderAge(requestedAt, now)];
  });
  return [header, ...rows];
}

function expiryText({ phase, expiresAt }: KnownApproval, now: Date): string {
  if (phase !== "Pending" && phase !== "Approved") return "-";
  const leftMs = Date.parse(expiresAt) - now.getTime();
  return leftMs <= 0 ? "now" : `in ${renderDuration(leftMs)}`;
}

export function renderApproval(approval: KnownApproval, placeOf: PlaceOf, now: Date): string {
  const { name, namespace, task, phase, activation, step, tool, operationClasses, expiresAt, terms, word } = approval;
  const expiry = expiryText(approval, now);
  const facts: readonly (readonly [string, string])[] = [
    ["Name", `${namespace}/${name}`],
    ["Phase", phase],
    ["Task", `${namespace}/${task}, ${activation}, step ${step}`],
    ["Tool", `${tool}${operationClasses.length === 0 ? "" : ` (${operationClasses.join(", ")})`}`],
    ["Asked", approval.requestedAt],
    ["Expires", expiry === "-" ? expiresAt : `${expiresAt} (${expiry})`],
    ["May answer", answerersText(terms)],
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
  const args = JSON.stringify(approval.arguments, null, 2) ?? "null";
  return `${head}\nArguments:\n${indent(args)}\n\nAsked because of:\n${reasonLines(approval, placeOf)}`;
}

function answerersText({ approvers, notRequester }: KnownApproval["terms"]): string {
  const who = approvers === null ? "anybody" : approvers.join(", ") || "nobody";
  return notRequester ? `${who}, but not who asked for the task` : who;
}

function reasonLines({ reasons }: KnownApproval, placeOf: PlaceOf): string {
  return reasons
    .map(({ policy, rule, message }) => {
      const place = placeOf(policy);
      return `  ${policy} ${rule}${place === undefined ? "" : ` (${place})`}: ${oneLine(message)}\n`;
    })
    .join("");
}

/** Arguments are a model's words: no control character of theirs reaches the terminal. */
function indent(json: string): string {
  return json
    .split("\n")
    .map((line) => `  ${line.replaceAll(/\p{Cc}+/gu, " ")}`)
    .join("\n");
}
