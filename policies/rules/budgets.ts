// Step 4: limits that the call could exceed. What is spent counts with what calls under way have reserved.
import type { CompiledPolicy } from "../compiled.ts";
import { denyBy, type Finding } from "../finding.ts";
import { accountOf, type Limit, type Meter, type Need, needOf } from "../limit.ts";
import { toolKey } from "../names.ts";
import type { GateRequest, Subject, Usage } from "../request.ts";
import { appliesTo, type SubjectKeys, subjectKeys } from "../scope.ts";

export function findBudgets(
  policies: readonly CompiledPolicy[],
  keys: SubjectKeys,
  usage: Usage,
  need: Need,
): Finding[] {
  return policies.flatMap((policy) => policy.limits.flatMap((limit) => findLimit(policy, limit, keys, usage, need)));
}

/** After a call nothing more is needed: only what is overspent already is found. */
export const NOTHING_MORE: Need = { tokens: 0, microUsd: 0, steps: 0, tool: null };

export function needOfRequest(request: GateRequest): Need | undefined {
  if (request.point === "before_model")
    return { tokens: request.reserveTokens, microUsd: request.reserveMicroUsd ?? null, steps: 1, tool: null };
  return request.point === "before_tool" ? { tokens: 0, microUsd: 0, steps: 1, tool: request.tool.name } : undefined;
}

function findLimit(policy: CompiledPolicy, limit: Limit, keys: SubjectKeys, usage: Usage, need: Need): Finding[] {
  const needed = needOf(limit, need);
  // What began in time may finish.
  if (needed === undefined || (limit.meter === "wall" && need.steps === 0)) return [];
  const { code, rule, amount } = limit;
  if (needed === null) return [denyBy(policy, code, rule, UNKNOWN_PRICE, "model")];
  const spent = spentOf(policy, limit, keys, usage, need);
  if (spent === "elsewhere") return [];
  if (spent === undefined) {
    const message = `nobody counts what \`${rule}\` limits, so it cannot be evaluated`;
    return [denyBy(policy, "POLICY_ERROR", rule, message)];
  }
  if (spent === null) return [denyBy(policy, code, rule, UNKNOWN_COST)];
  if (limit.meter === "wall" ? spent < amount : spent + needed <= amount) return [];
  const path = limit.meter === "tokens" ? "reserveTokens" : need.tool === null ? "model" : "tool";
  return [denyBy(policy, code, rule, messageOf(limit, spent, needed, need), path)];
}

const UNKNOWN_PRICE =
  "the price of the model is unknown, so nobody can tell whether the call is within the money that is left: " +
  "set `price` on its ModelEndpoint";
const UNKNOWN_COST =
  "a call of this task had no known price, so nobody can tell what is spent: set `price` on the ModelEndpoint";

type Spent = number | null | undefined;

/** elsewhere: in a shared ledger that was not asked yet; the store compares it when it reserves. */
function spentOf(
  policy: CompiledPolicy,
  limit: Limit,
  keys: SubjectKeys,
  usage: Usage,
  { tool }: Need,
): Spent | "elsewhere" {
  const { by } = limit.counted;
  if (by === "shared") {
    if (usage.shared === undefined) return "elsewhere";
    return usage.shared[accountOf(policy.address, limit, keys, tool) ?? ""];
  }
  switch (limit.meter) {
    case "tokens":
      return usage.tokens;
    case "micro_usd":
      return usage.microUsd;
    case "steps":
      return usage.steps;
    case "wall":
      return by === "task" ? usage.taskMs : usage.activationMs;
    case "calls":
      return usage.calls === undefined ? undefined : countCalls(usage.calls, toolKey(tool ?? ""));
  }
}

function countCalls(calls: Readonly<Record<string, number>>, key: string): number {
  return Object.entries(calls).reduce((total, [tool, count]) => (toolKey(tool) === key ? total + count : total), 0);
}

function messageOf(limit: Limit, spent: number, needed: number, { tool }: Need): string {
  const { meter, amount, counted } = limit;
  const whose = counted.by === "task" ? "the task" : counted.by === "activation" ? "the agent" : whoseShare(limit);
  const left = Math.max(0, amount - spent);
  switch (meter) {
    case "tokens":
      if (needed === 0) return `${whose} has spent ${spent} of ${amount} tokens`;
      return `the call may cost ${needed} tokens, and ${left} of ${amount} are left${ofShare(limit)}`;
    case "micro_usd":
      if (needed === 0) return `${whose} has spent ${usd(spent)} of ${usd(amount)}`;
      return `the call may cost ${usd(needed)}, and ${usd(left)} of ${usd(amount)} are left${ofShare(limit)}`;
    case "steps":
      return `${whose} has made ${spent} of ${amount} calls`;
    case "calls":
      return `\`${tool ?? ""}\` was called ${spent} of ${amount} times${ofShare(limit)}`;
    case "wall":
      return `${whose} has been at work for ${Math.round(spent / 1_000)} s of ${Math.round(amount / 1_000)} s`;
  }
}

function ofShare(limit: Limit): string {
  return limit.counted.by === "shared" ? ` to ${whoseShare(limit)}` : "";
}

function whoseShare({ counted }: Limit): string {
  if (counted.by !== "shared") return "";
  const { dimensions, windowMs } = counted;
  const whom = dimensions.length === 0 ? "everything in the policy's scope" : `this ${dimensions.join(" and ")}`;
  return windowMs === null ? whom : `${whom} in these ${Math.round(windowMs / 1_000)} s`;
}

function usd(micros: number): string {
  return `$${(micros / 1_000_000).toFixed(6).replace(/0{1,4}$/, "")}`;
}

/** The most that the task may spend when `subject` asks, reservations included: the lowest limits in its scope. null: none. */
export interface Ceilings {
  readonly tokens: number | null;
  readonly microUsd: number | null;
  readonly steps: number | null;
  /** Of the tool that is called. */
  readonly calls: number | null;
}

type Set = { readonly policies: readonly CompiledPolicy[] };

/** For the store, which compares them in the script that reserves. */
export function taskCeilings(subject: Subject, sets: readonly Set[], tool: string | null): Ceilings {
  const keys = subjectKeys(subject);
  const need = { tokens: 0, microUsd: 0, steps: 1, tool };
  const limits = sets
    .flatMap(({ policies }) => policies)
    .filter((policy) => !policy.audit && appliesTo(policy, keys))
    .flatMap((policy) => policy.limits)
    .filter((limit) => limit.counted.by === "task" && needOf(limit, need) !== undefined);
  const lowest = (meter: Meter): number | null => {
    const amounts = limits.filter((limit) => limit.meter === meter).map(({ amount }) => amount);
    return amounts.length === 0 ? null : Math.min(...amounts);
  };
  return {
    tokens: lowest("tokens"),
    microUsd: lowest("micro_usd"),
    steps: lowest("steps"),
    calls: lowest("calls"),
  };
}

/** What one call takes of one shared ledger. */
export interface Claim {
  readonly account: string;
  readonly windowMs: number | null;
  readonly amount: number;
  /** null: counted, and held by nobody: only policies in audit mode limit it. */
  readonly limit: number | null;
  /** Of policies in audit mode: beyond it the decision says what they would deny. null: none. */
  readonly watched: number | null;
  /** What is known only after the call; null: nothing. */
  readonly settles: "tokens" | "micro_usd" | null;
}

/** For the store, which reserves all of them or none. Each account once, in no order. */
export function sharedClaims(request: GateRequest, sets: readonly Set[]): Claim[] {
  const need = needOfRequest(request);
  if (need === undefined) return [];
  const keys = subjectKeys(request.subject);
  const claims = new Map<string, Claim>();
  for (const policy of sets.flatMap(({ policies }) => policies).filter((each) => appliesTo(each, keys))) {
    for (const limit of policy.limits) {
      const claim = claimOf(policy, limit, keys, need);
      if (claim !== undefined) claims.set(claim.account, stricter(claim, claims.get(claim.account)));
    }
  }
  return [...claims.values()];
}

function claimOf(policy: CompiledPolicy, limit: Limit, keys: SubjectKeys, need: Need): Claim | undefined {
  const amount = needOf(limit, need);
  const account = accountOf(policy.address, limit, keys, need.tool);
  if (limit.counted.by !== "shared" || account === undefined || amount === undefined) return undefined;
  return {
    account,
    windowMs: limit.counted.windowMs,
    // A price that nobody knows is denied where the policy enforces; where it does not, there is nothing to add.
    amount: amount ?? 0,
    limit: policy.audit ? null : limit.amount,
    watched: policy.audit ? limit.amount : null,
    settles: need.tool === null ? settledBy(limit) : null,
  };
}

/** A tool takes no tokens and no money: there is nothing to settle afterwards. */
function settledBy({ meter }: Limit): Claim["settles"] {
  return meter === "tokens" || meter === "micro_usd" ? meter : null;
}

function stricter(claim: Claim, other: Claim | undefined): Claim {
  return { ...claim, limit: lower(claim.limit, other?.limit), watched: lower(claim.watched, other?.watched) };
}

function lower(amount: number | null, other: number | null = null): number | null {
  if (amount === null || other === null) return amount ?? other;
  return Math.min(amount, other);
}
