// Compiles `flow[]` of an AgentPolicy: which labelled data may not reach which tools. Ours, and read strictly.
import type { FlowRule, SpecError, ToolMatch } from "../compiled.ts";
import { nameKey, scopedKey, toolKey } from "../names.ts";
import type { ApprovalTerms } from "../request.ts";
import { compileApproval } from "./approval.ts";
import { readClasses, readMatch, refuseUnknown } from "./match.ts";
import { type Fields, fieldOf, isAbsent, isFields, readTexts, readWord, textOf } from "./read.ts";

const RULE_KEYS = ["data", "to", "declassify", "approval", "message"];
const TO_KEYS = ["tools", "operation_classes", "sends_to", "agents"];
const LABEL = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export function compileFlow(fields: Fields, namespace: string, errors: SpecError[]): FlowRule[] {
  const rules = fieldOf(fields, "flow");
  if (isAbsent(rules)) return [];
  if (!Array.isArray(rules)) {
    errors.push({ rule: "spec.flow", message: "`spec.flow` is no list of rules" });
    return [];
  }
  return rules.flatMap((rule: unknown, index) => compileRule(rule, `spec.flow[${index}]`, namespace, errors));
}

function compileRule(rule: unknown, path: string, namespace: string, errors: SpecError[]): FlowRule[] {
  if (!isFields(rule)) {
    errors.push({ rule: path, message: `\`${path}\` is no rule with \`data\` and \`to\`` });
    return [];
  }
  refuseUnknown(rule, RULE_KEYS, path, errors);
  const data = readLabels(rule, "data", path, errors);
  if (data.length === 0) errors.push({ rule: `${path}.data`, message: `\`${path}.data\` names no label` });
  const to = compileTo(fieldOf(rule, "to"), `${path}.to`, namespace, errors);
  const declassify = compileDeclassify(rule, path, errors);
  if (declassify !== null && isAboutReading(to)) {
    const at = `${path}.declassify`;
    errors.push({ rule: at, message: `\`${at}\`: only calls can wait for a person, so \`to\` has to name tools` });
  }
  return [{ rule: path, message: textOf(fieldOf(rule, "message")) ?? null, data, to, declassify }];
}

/** Labels are compared without case. A word that is none would never be met. */
export function readLabels(fields: Fields, name: string, path: string, errors: SpecError[]): string[] {
  const labels = readTexts(fields, name, path, errors).map(({ text, rule }) => {
    const label = nameKey(text);
    if (!LABEL.test(label)) {
      errors.push({ rule, message: `\`${rule}\` is no label: letters, digits and \`._-\`, 63 at most` });
    }
    return label;
  });
  return [...new Set(labels)];
}

function compileTo(to: unknown, path: string, namespace: string, errors: SpecError[]): ToolMatch {
  const fields = isFields(to) ? to : {};
  if (Object.keys(fields).length === 0) {
    errors.push({ rule: path, message: `\`${path}\` says with none of ${TO_KEYS.join(", ")} where data may not go` });
  }
  refuseUnknown(fields, TO_KEYS, path, errors);
  return {
    tools: readMatch(fields, "tools", path, toolKey, errors),
    operationClasses: readClasses(fields, path, errors),
    sendsTo: readMatch(fields, "sends_to", path, nameKey, errors),
    agents: readMatch(fields, "agents", path, (name) => scopedKey(namespace, name), errors),
  };
}

/** Names those who may not read, and no tools. */
export function isAboutReading({ tools, operationClasses, sendsTo, agents }: ToolMatch): boolean {
  return agents !== null && tools === null && operationClasses === null && sendsTo === null;
}

function compileDeclassify(rule: Fields, path: string, errors: SpecError[]): ApprovalTerms | null {
  const how = readWord(rule, "declassify", path, ["never", "approval"], "never", errors);
  if (how === "approval") return compileApproval(rule, "ask", path, errors);
  if (!isAbsent(fieldOf(rule, "approval"))) {
    const at = `${path}.approval`;
    errors.push({ rule: at, message: `\`${at}\` goes with \`declassify: approval\`` });
  }
  return null;
}
