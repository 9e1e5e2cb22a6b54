// Compiles the limits of an AgentPolicy: `max_…`, `budgets` and `rate`. What cannot be read denies.
import type { SpecError } from "../compiled.ts";
import { type Counted, DAY_MS, type Dimension, type Limit, type Meter } from "../limit.ts";
import { compilePattern, toolKey } from "../names.ts";
import type { DenialCode } from "../request.ts";
import {
  type Fields,
  fieldOf,
  isAbsent,
  isFields,
  readAmount,
  readCount,
  readDurationMs,
  readTexts,
  textOf,
} from "./read.ts";

const TASK: Counted = { by: "task" };
const MICRO = 1_000_000;

const CODES: Readonly<Record<Meter, DenialCode>> = {
  tokens: "BUDGET_TOKENS",
  micro_usd: "BUDGET_COST",
  steps: "BUDGET_STEPS",
  calls: "BUDGET_STEPS",
  wall: "BUDGET_WALL",
};

export function compileLimits(fields: Fields, errors: SpecError[]): Limit[] {
  const tokens = readCount(fields, "max_tokens_per_run", "spec", errors);
  const usd = readAmount(fields, "max_cost_usd_per_run", "spec", errors);
  return [
    ...limitOf("tokens", tokens, TASK, "spec.max_tokens_per_run"),
    ...limitOf("micro_usd", microsOf(usd), TASK, "spec.max_cost_usd_per_run"),
    ...compileCalls(fields, "max_calls", "spec", TASK, errors),
    ...listOf(fields, "budgets", errors).flatMap(([budget, path]) => compileBudget(budget, path, errors)),
    ...listOf(fields, "rate", errors).flatMap(([rate, path]) => compileRate(rate, path, errors)),
  ];
}

function limitOf(meter: Meter, amount: number | null, counted: Counted, rule: string): Limit[] {
  if (amount === null) return [];
  return [{ meter, amount, counted, tools: null, together: null, code: CODES[meter], rule }];
}

function microsOf(usd: number | null): number | null {
  return usd === null ? null : Math.floor(usd * MICRO + 0.001);
}

function compileCalls(fields: Fields, name: string, path: string, counted: Counted, errors: SpecError[]): Limit[] {
  const limits = fieldOf(fields, name);
  const rule = `${path}.${name}`;
  if (isAbsent(limits)) return [];
  if (!isFields(limits)) {
    errors.push({ rule, message: `\`${rule}\` is no map from tool to number` });
    return [];
  }
  return Object.keys(limits).flatMap((tool) => {
    const amount = readCount(limits, tool, rule, errors);
    const tools = compilePattern(toolKey(tool));
    return limitOf("calls", amount, counted, `${rule}.${tool}`).map((limit) => ({ ...limit, tools }));
  });
}

/** A list, or one alone. */
function listOf(fields: Fields, name: string, errors: SpecError[]): [Fields, string][] {
  const value = fieldOf(fields, name);
  if (isAbsent(value)) return [];
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  return items.flatMap((item, index): [Fields, string][] => {
    const path = Array.isArray(value) ? `spec.${name}[${index}]` : `spec.${name}`;
    if (isFields(item)) return [[item, path]];
    errors.push({ rule: path, message: `\`${path}\` is no map` });
    return [];
  });
}

const BUDGET_FIELDS = ["per", "tokens", "cost_usd", "steps", "wall", "calls"];

function compileBudget(budget: Fields, path: string, errors: SpecError[]): Limit[] {
  refuseOthers(budget, BUDGET_FIELDS, path, errors);
  const words = readPer(budget, path, errors);
  if (words === undefined) return [];
  const counted = countedBy(words);
  const usd = readAmount(budget, "cost_usd", path, errors);
  const limits = [
    ...limitOf("tokens", readCount(budget, "tokens", path, errors), counted, `${path}.tokens`),
    ...limitOf("micro_usd", microsOf(usd), counted, `${path}.cost_usd`),
    ...limitOf("steps", readCount(budget, "steps", path, errors), counted, `${path}.steps`),
    ...compileWall(budget, path, words, errors),
    ...compileCalls(budget, "calls", path, counted, errors),
  ];
  if (limits.length === 0) errors.push({ rule: path, message: `\`${path}\` limits nothing` });
  return limits;
}

const WORDS = ["task", "agent", "system", "namespace", "day"] as const;
type Word = (typeof WORDS)[number];

/** undefined: unreadable, and said so. */
function readPer(budget: Fields, path: string, errors: SpecError[]): readonly Word[] | undefined {
  const said = readTexts(budget, "per", path, errors).map(({ text }) => text.trim().toLowerCase());
  const words = WORDS.filter((word) => said.includes(word));
  const rule = `${path}.per`;
  const stranger = said.find((word) => !(WORDS as readonly string[]).includes(word));
  if (stranger !== undefined) {
    errors.push({ rule, message: `\`${stranger}\` in \`${rule}\` is none of ${WORDS.join(", ")}` });
    return undefined;
  }
  if (words.includes("task") && words.length > 1) {
    errors.push({ rule, message: `\`${rule}\`: a task is within one of the others already, so \`task\` stands alone` });
    return undefined;
  }
  return words.length === 0 ? ["task"] : words;
}

function countedBy(words: readonly Word[]): Counted {
  if (words.includes("task")) return TASK;
  const dimensions = words.filter((word): word is Dimension => word !== "task" && word !== "day");
  return { by: "shared", dimensions, windowMs: words.includes("day") ? DAY_MS : null };
}

function compileWall(budget: Fields, path: string, [first, ...more]: readonly Word[], errors: SpecError[]): Limit[] {
  const wallMs = readDurationMs(budget, "wall", path, errors);
  const rule = `${path}.wall`;
  if (wallMs === null) return [];
  if (more.length === 0 && first === "task") return limitOf("wall", wallMs, TASK, rule);
  if (more.length === 0 && first === "agent") return limitOf("wall", wallMs, { by: "activation" }, rule);
  errors.push({ rule, message: `\`${rule}\` is the time of a task or of an agent, so \`per\` is one of these alone` });
  return [];
}

const RATE_FIELDS = ["calls", "tokens", "per", "of"];

/** In windows that begin at whole multiples of `per`. */
function compileRate(rate: Fields, path: string, errors: SpecError[]): Limit[] {
  refuseOthers(rate, RATE_FIELDS, path, errors);
  const windowMs = readDurationMs(rate, "per", path, errors);
  const calls = readCount(rate, "calls", path, errors);
  const tokens = readCount(rate, "tokens", path, errors);
  const of = textOf(fieldOf(rate, "of"));
  if (windowMs === null || windowMs < 1 || (calls === null) === (tokens === null)) {
    errors.push({ rule: path, message: `\`${path}\` needs \`per\`, a duration, and either \`calls\` or \`tokens\`` });
    return [];
  }
  if (tokens !== null && of !== undefined) {
    errors.push({ rule: `${path}.of`, message: `\`${path}.of\` is for \`calls\`: tools use no tokens` });
    return [];
  }
  const counted: Counted = { by: "shared", dimensions: [], windowMs };
  const code = "RATE_LIMITED";
  if (tokens !== null) return limitOf("tokens", tokens, counted, path).map((limit) => ({ ...limit, code }));
  if (of === undefined) return limitOf("steps", calls, counted, path).map((limit) => ({ ...limit, code }));
  const key = toolKey(of);
  const tools = { tools: compilePattern(key), together: key };
  return limitOf("calls", calls, counted, path).map((limit) => ({ ...limit, code, ...tools }));
}

/** A limit that is misspelt would limit nothing. */
function refuseOthers(fields: Fields, known: readonly string[], path: string, errors: SpecError[]): void {
  for (const name of Object.keys(fields).filter((field) => !known.includes(field)))
    errors.push({ rule: `${path}.${name}`, message: `\`${path}\` has no field \`${name}\`` });
}
