// A decision explained for people: what it was, each rule with its line, and what to change so that the call is allowed.
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { Explained, PlacedReason } from "../commands/why.ts";
import type { Paint } from "../output.ts";
import { DENIAL_HELP } from "./code-help.ts";

const ARGUMENTS_SHOWN = 400;

export function renderWhy(explained: Explained, paint: Paint): string {
  const { decisionId, at, task, agent, effect, code, enforced, policyDigest, reasons, allow } = explained;
  const style = effect === "allow" || !enforced ? "green" : effect === "ask" ? "yellow" : "red";
  const verdict = enforced ? `${effect} ${code}` : `allow (audit: would ${effect}, ${code})`;
  const args = explained.arguments;
  const lines = [
    `${paint(style, oneLine(verdict))}   ${oneLine(subjectOf(explained))}`,
    `  by ${oneLine(agent ?? "-")} in ${oneLine(task)}, ${at}   ${paint("dim", oneLine(decisionId))}`,
    ...(args === undefined ? [] : [`  arguments ${shorten(oneLine(JSON.stringify(args)), ARGUMENTS_SHOWN)}`]),
    "",
    ...reasons.flatMap((reason) => reasonLines(reason, paint)),
    ...(allow.length === 0 ? [] : ["", "To allow it", ...allow.map((line) => `  - ${oneLine(line)}`)]),
    "",
    `policy ${oneLine(policyDigest)}`,
  ];
  return `${lines.join("\n")}\n`;
}

function subjectOf({ tool, model, point }: Explained): string {
  return tool ?? (model === undefined ? point : `model ${model}`);
}

function reasonLines({ policy, rule, message, code, path, source, enforced }: PlacedReason, paint: Paint): string[] {
  const at = source?.commit === null || source?.commit === undefined ? "" : ` at ${source.commit.slice(0, 7)}`;
  const place = source === null ? "" : `   ${paint("dim", `${oneLine(source.file)}:${source.line}${at}`)}`;
  const audit = enforced === false ? " (audit: only recorded)" : "";
  return [
    `  ${code === undefined ? "" : `${oneLine(code)}: `}${oneLine(message)}${audit}`,
    `    ${oneLine(policy === "" ? "no manifest" : policy)} ${oneLine(rule)}${path === undefined ? "" : `, ${oneLine(path)}`}${place}`,
  ];
}

/** One way a line; all of them are needed where several rules objected. */
export function adviceFor(
  decision: Pick<Explained, "effect" | "enforced" | "code" | "reasons" | "tool" | "agent">,
): string[] {
  if (decision.effect === "allow" || !decision.enforced) return [];
  const objections = decision.reasons.filter(({ code, enforced }) => code !== undefined && enforced !== false);
  const lines = objections.map((reason) => adviceOn(reason, decision));
  const help = decision.code in DENIAL_HELP && lines.length === 0 ? [`countwheel explain ${decision.code}`] : [];
  return [...new Set([...lines, ...help])];
}

function adviceOn(
  { code = "", policy, rule, message, source }: PlacedReason,
  { tool = "", agent }: Pick<Explained, "tool" | "agent">,
): string {
  const where = source === null ? policy : `${source.file}:${source.line}`;
  switch (code) {
    case "TOOL_NOT_LISTED":
      return `list \`${tool}\` in \`tools\` of Agent ${agent ?? ""}, ${where}`;
    case "PERMISSION_MISSING":
      return `give a role of Agent ${agent ?? ""} what is missing (${message}), or ask for less in ${where}`;
    case "ROLE_MISSING":
      return `declare the AgentRole, or take it out of ${where}`;
    case "TOOL_ARG_FORBIDDEN":
      return `call it with arguments that the rule lets through, or change ${rule} of ${policy}, ${where}`;
    case "APPROVAL_REQUIRED":
      return `let a person approve it (countwheel get approvals), or change ${rule} of ${policy}, ${where}`;
    case "FLOW_VIOLATION":
      return rule.startsWith("spec.sequence")
        ? `call the tools in the order that ${rule} of ${policy} wants, or change it, ${where}`
        : `let another agent, which has not read that data, make the call, let a person decide (\`declassify: approval\`), or change ${rule} of ${policy}, ${where}`;
    case "EGRESS_DENIED":
      return `add the host to \`egress.allow_hosts\` of ${policy}, ${where}, or call what is allowed`;
    case "SECRET_NOT_GRANTED":
      return `add the Secret to \`allowed_secrets\` of ${policy}, ${where}`;
    case "TOOL_UNKNOWN":
      return `declare a Tool \`${tool}\`, or an McpServer that offers it`;
    case "DEFAULT_DENY":
      return `add a rule with \`effect: allow\` for it to an AgentPolicy, or give the agent a role that permits it (${where})`;
    default:
      return policy === ""
        ? `countwheel explain ${code}`
        : `change ${rule} of ${policy}, ${where}; see countwheel explain ${code}`;
  }
}
