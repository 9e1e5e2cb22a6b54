// A limit of an AgentPolicy: on tokens, money, steps, calls, rates or time, for one task or for a ledger that many share.
import { matchesPattern, type Pattern, toolKey } from "./names.ts";
import type { DenialCode } from "./request.ts";
import type { SubjectKeys } from "./scope.ts";

export type Meter = "tokens" | "micro_usd" | "steps" | "calls" | "wall";

export type Dimension = "agent" | "system" | "namespace";

/** Whose spending counts together. */
export type Counted =
  /** The task's own ledger. */
  | { readonly by: "task" }
  /** Time since the agent's activation was first claimed; for the meter `wall` only. */
  | { readonly by: "activation" }
  /** A ledger of all tasks in the policy's scope; one for each value of the dimensions, and one for each window of time. */
  | { readonly by: "shared"; readonly dimensions: readonly Dimension[]; readonly windowMs: number | null };

export interface Limit {
  readonly meter: Meter;
  /** Tokens, millionths of a US dollar, calls, milliseconds. */
  readonly amount: number;
  readonly counted: Counted;
  /** null: any call, of tools and models. */
  readonly tools: Pattern | null;
  /** A name of what `tools` counts together; null: each tool by itself. */
  readonly together: string | null;
  readonly code: DenialCode;
  readonly rule: string;
}

/** What a call would use of each meter, before it is made. */
export interface Need {
  readonly tokens: number;
  /** Millionths of a US dollar; null: the price is unknown. */
  readonly microUsd: number | null;
  /** 1, or 0 where no call follows. */
  readonly steps: number;
  /** null: a model. */
  readonly tool: string | null;
}

/** undefined: the limit is not about such a call. null: nobody can tell. */
export function needOf({ meter, tools }: Limit, { tokens, microUsd, steps, tool }: Need): number | null | undefined {
  if (tools !== null && (tool === null || !matchesPattern(tools, toolKey(tool)))) return undefined;
  switch (meter) {
    case "tokens":
      return tokens;
    case "micro_usd":
      return microUsd;
    case "steps":
    case "calls":
      return steps;
    case "wall":
      return 0;
  }
}

/** Names a shared ledger: the policy, what is counted, for whom, and in which windows. Part of what Redis keeps. */
export function accountOf(address: string, limit: Limit, keys: SubjectKeys, tool: string | null): string | undefined {
  const { counted } = limit;
  if (counted.by !== "shared") return undefined;
  const what = meterText(limit, tool);
  const whom = counted.dimensions.map((dimension) => `${dimension} ${keys[dimension]}`).join(", ");
  return [address, what, whom, windowText(counted.windowMs)].join("|");
}

/** What a shared ledger counts; of one tool where each counts by itself. */
export function meterText({ meter, tools, together }: Limit, tool: string | null): string {
  if (meter !== "calls") return meter;
  const key = toolKey(tool ?? "");
  return `calls ${together ?? (tools === null || matchesPattern(tools, key) ? key : "")}`;
}

export const DAY_MS = 86_400_000;

export function windowText(windowMs: number | null): string {
  if (windowMs === null) return "";
  return windowMs === DAY_MS ? "day" : `${windowMs} ms`;
}

/** For people: `at most 5 calls in one task`, `at most $20 a day for each agent`. */
export function limitText(limit: Limit): string {
  return `at most ${amountText(limit)} ${countedText(limit.counted)}`;
}

function amountText({ meter, amount }: Limit): string {
  switch (meter) {
    case "tokens":
      return `${amount} tokens`;
    case "micro_usd":
      return `$${amount / 1_000_000}`;
    case "steps":
    case "calls":
      return `${amount} ${amount === 1 ? "call" : "calls"}`;
    case "wall":
      return `${amount / 1_000} s`;
  }
}

function countedText(counted: Counted): string {
  switch (counted.by) {
    case "task":
      return "in one task";
    case "activation":
      return "for the agent in one task";
    case "shared": {
      const { dimensions, windowMs } = counted;
      const when = windowMs === null ? "in all" : windowMs === DAY_MS ? "a day" : `in ${windowMs / 1_000} s`;
      return dimensions.length === 0 ? when : `${when} for each ${dimensions.join(" and ")}`;
    }
  }
}
