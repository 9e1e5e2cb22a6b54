// Compiles `sequence[]` of an AgentPolicy: which tools may be called only after, or no more after, which others.
import type { Entry, SequenceRule, SpecError } from "../compiled.ts";
import { toolKey } from "../names.ts";
import { readMatch, refuseUnknown } from "./match.ts";
import { type Fields, fieldOf, isAbsent, isFields, textOf } from "./read.ts";

const KEYS = ["tools", "requires_before", "not_after", "message"];

export function compileSequence(fields: Fields, errors: SpecError[]): SequenceRule[] {
  const rules = fieldOf(fields, "sequence");
  if (isAbsent(rules)) return [];
  if (!Array.isArray(rules)) {
    errors.push({ rule: "spec.sequence", message: "`spec.sequence` is no list of rules" });
    return [];
  }
  return rules.flatMap((rule: unknown, index) => compileRule(rule, `spec.sequence[${index}]`, errors));
}

function compileRule(rule: unknown, path: string, errors: SpecError[]): SequenceRule[] {
  if (!isFields(rule)) {
    errors.push({ rule: path, message: `\`${path}\` is no rule with \`tools\`` });
    return [];
  }
  refuseUnknown(rule, KEYS, path, errors);
  const read = (name: string): Entry[] | null => readMatch(rule, name, path, toolKey, errors);
  const [tools, requiresBefore, notAfter] = [read("tools"), read("requires_before"), read("not_after")];
  if (tools === null) errors.push({ rule: `${path}.tools`, message: `\`${path}\` does not name its \`tools\`` });
  if (requiresBefore === null && notAfter === null) {
    errors.push({ rule: path, message: `\`${path}\` has neither \`requires_before\` nor \`not_after\`` });
  }
  return [
    {
      rule: path,
      message: textOf(fieldOf(rule, "message")) ?? null,
      tools: tools ?? [],
      requiresBefore: requiresBefore ?? [],
      notAfter: notAfter ?? [],
    },
  ];
}
