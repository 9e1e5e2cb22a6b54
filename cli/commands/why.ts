// `why <decision>`: what was decided, by which rules, at which lines of the commit, and how to allow it.
import type { Address } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Place } from "../../contracts/problem.ts";
import type { RecordSource } from "../../contracts/record.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { isTraceReason, type TraceReason } from "../../contracts/trace-reason.ts";
import { placesAtCommits } from "../../reconciler/access/rule-places.ts";
import { type FoundDecision, findDecision } from "../../reconciler/replay/find-decision.ts";
import type { Redis } from "../../store/connect.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { readState } from "../../store/state.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";
import { commitSpec, sourceTools } from "../plan-source.ts";
import { openRedis } from "../redis.ts";
import { adviceFor, renderWhy } from "../view/why.ts";

export interface WhyOptions extends CommonFlags {
  readonly decision: string;
  readonly allowUnprotected?: boolean;
}

/** One reason, with the line that it stands at and the commit that this is the line of. */
export interface PlacedReason extends TraceReason {
  readonly source: (Place & { readonly commit: string | null }) | null;
}

/** The answer of `why`; both views are made from it. */
export interface Explained {
  readonly formatVersion: "1";
  readonly decisionId: string;
  readonly at: string;
  readonly task: string;
  readonly agent: string | null;
  readonly point: string;
  readonly tool?: string;
  readonly model?: string;
  readonly arguments?: unknown;
  readonly effect: string;
  readonly code: string;
  readonly enforced: boolean;
  readonly policyDigest: string;
  readonly reasons: readonly PlacedReason[];
  /** What to do so that the call is allowed, one way a line; empty where it was. */
  readonly allow: readonly string[];
}

export async function runWhy(host: Host, options: WhyOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const answer = await findDecision(redis, options.env, options.decision, host.signal);
    if (answer.outcome === "unknown") throw unknown(options, answer);
    const explained = await explain(host, redis, options.env, answer.found);
    if (options.output === "json") printJson(host, explained);
    else host.stdout.write(renderWhy(explained, paintFor(host.stdout, host.config.color)));
    say(host, `Next: countwheel trace ${explained.task}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

function unknown(
  { decision, env }: WhyOptions,
  { tasks, complete }: { readonly tasks: number; readonly complete: boolean },
): PermanentFailure {
  const looked = complete ? `the ${tasks} tasks` : `the newest ${tasks} tasks`;
  const message = `no decision \`${decision}\` in ${looked} of environment \`${env}\`; traces name them: countwheel trace <task> -o json`;
  return new PermanentFailure("DECISION_NOT_FOUND", message);
}

async function explain(host: Host, redis: Redis, env: string, found: FoundDecision): Promise<Explained> {
  const { event } = found;
  const told: readonly unknown[] = Array.isArray(event["reasons"]) ? event["reasons"] : [];
  const reasons = await placeReasons(host, redis, env, found, told.filter(isTraceReason));
  const [tool, model] = [event["tool"], event["model"]];
  const facts = {
    formatVersion: "1",
    decisionId: String(event["decisionId"]),
    at: event.at,
    task: event.task,
    agent: event.agent ?? null,
    point: String(event["point"]),
    ...(typeof tool === "string" ? { tool } : {}),
    ...(typeof model === "string" ? { model } : {}),
    ...(found.arguments === undefined ? {} : { arguments: found.arguments }),
    effect: String(event["effect"]),
    code: String(event["code"]),
    enforced: event["enforced"] !== false,
    policyDigest: String(event["policyDigest"]),
    reasons,
  } as const;
  return { ...facts, allow: adviceFor(facts) };
}

/** A task is judged by the policies of its snapshot and by those of now; a rule may stand in either. */
async function placeReasons(
  host: Host,
  redis: Redis,
  env: string,
  { task }: FoundDecision,
  reasons: readonly TraceReason[],
): Promise<PlacedReason[]> {
  const { records } = await readState(redis, env);
  const snapshot = await findSnapshot(redis, env, task.snapshot);
  const sources = new Map<Address, RecordSource>();
  for (const { policy } of reasons) {
    const address = policy as Address;
    const source = snapshot?.entries[address]?.source ?? records.get(address)?.source;
    if (source !== undefined) sources.set(address, source);
  }
  const placeOf = await placesAtCommits(sources, await sourceTools(host, commitSpec(host, {})), host.signal);
  return reasons.map((reason) => {
    const source = sources.get(reason.policy as Address);
    const place = placeOf(reason.policy, reason.rule);
    return { ...reason, source: place === undefined ? null : { ...place, commit: source?.commit ?? null } };
  });
}

async function findSnapshot(redis: Redis, env: string, digest: string): Promise<Snapshot | null> {
  try {
    return await readSnapshot(redis, env, digest);
  } catch (error) {
    if (error instanceof PermanentFailure) return null;
    throw error;
  }
}
