// Compiles `approval` of a rule that asks: how long the question stands, and who may answer it.
import { DEFAULT_TERMS } from "../approval.ts";
import type { SpecError } from "../compiled.ts";
import type { ApprovalTerms } from "../request.ts";
import { type Fields, fieldOf, isFields, readTexts, textOf } from "./read.ts";

const KEYS = ["ttl", "not_requester", "approvers"];
const MAX_TTL_MS = 30 * 24 * 3_600_000;
const APPROVER = /^(local|github|token):\S+$/;

/** What cannot be read denies: a slip must not widen who may answer. */
export function compileApproval(rule: Fields, effect: string, path: string, errors: SpecError[]): ApprovalTerms {
  const approval = fieldOf(rule, "approval");
  if (approval === undefined || approval === null) return DEFAULT_TERMS;
  const at = `${path}.approval`;
  const wrong = (where: string, message: string): void => void errors.push({ rule: where, message });
  if (!isFields(approval)) {
    wrong(at, `\`${at}\` is no object`);
    return DEFAULT_TERMS;
  }
  if (effect !== "ask") wrong(at, `\`${at}\` goes with \`effect: ask\``);
  for (const key of Object.keys(approval))
    if (!KEYS.includes(key)) wrong(`${at}.${key}`, `\`${at}.${key}\` is unknown`);
  return {
    ttlMs: readTtl(approval, at, wrong),
    notRequester: readFlag(approval, at, wrong),
    approvers: readApprovers(approval, at, errors),
  };
}

type Wrong = (where: string, message: string) => void;

function readTtl(approval: Fields, at: string, wrong: Wrong): number {
  const ttl = fieldOf(approval, "ttl");
  if (ttl === undefined || ttl === null) return DEFAULT_TERMS.ttlMs;
  const ms = durationMs(textOf(ttl) ?? "");
  if (ms !== undefined && ms > 0 && ms <= MAX_TTL_MS) return ms;
  wrong(`${at}.ttl`, `\`${at}.ttl\` is no duration such as \`10m\`, of 720h (30 days) at most`);
  return DEFAULT_TERMS.ttlMs;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Go's grammar, without the units that no approval is measured in. This room imports nothing that could read it. */
function durationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  return Math.round(parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ""] ?? 0), 0));
}

function readFlag(approval: Fields, at: string, wrong: Wrong): boolean {
  const flag = fieldOf(approval, "not_requester");
  if (flag === undefined || flag === null) return false;
  if (typeof flag !== "boolean") wrong(`${at}.not_requester`, `\`${at}.not_requester\` is neither true nor false`);
  return flag !== false;
}

function readApprovers(approval: Fields, at: string, errors: SpecError[]): readonly string[] | null {
  if (fieldOf(approval, "approvers") === undefined) return null;
  const entries = readTexts(approval, "approvers", at, errors);
  const where = `${at}.approvers`;
  if (entries.length === 0) errors.push({ rule: where, message: `\`${where}\` is empty` });
  for (const { text, rule } of entries) {
    if (!APPROVER.test(text)) {
      errors.push({ rule, message: `\`${rule}\` is none of \`local:NAME\`, \`github:NAME\` and \`token:NAME\`` });
    }
  }
  return entries.map(({ text }) => text);
}
