// `policy replay`: what other policies would have decided of what was decided lately, call by call.

import { policySetOf } from "../../reconciler/plan/access-model.ts";
import { flipLines, replaySentence } from "../../reconciler/plan/replay-part.ts";
import { REPLAY_LIMITS, readDecisions } from "../../reconciler/replay/read-decisions.ts";
import { replayDecisions } from "../../reconciler/replay/replay.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { loadSourceOf } from "../load-source-of.ts";
import { paintFor, printJson, say } from "../output.ts";
import type { SourceFlags } from "../plan-source.ts";
import { openRedis } from "../redis.ts";

export interface PolicyReplayOptions extends CommonFlags, SourceFlags {
  /** Milliseconds. */
  readonly since: number;
  readonly limit: number;
  readonly config?: string;
  readonly detailedExitcode: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runPolicyReplay(host: Host, options: PolicyReplayOptions): Promise<ExitCode> {
  const { manifests } = await loadSourceOf(host, options);
  const policies = policySetOf(manifests);
  const { redis, close } = await openRedis(host, options);
  try {
    const since = new Date(host.now().getTime() - options.since);
    const limit = Math.min(options.limit, REPLAY_LIMITS.asked);
    const recorded = await readDecisions(redis, { env: options.env, since, limit, signal: host.signal });
    const replay = replayDecisions(recorded, policies);
    if (options.output === "json") printJson(host, { formatVersion: "1", policyDigest: policies.digest, ...replay });
    else {
      const paint = paintFor(host.stdout, host.config.color);
      const lines = [`policy ${policies.digest}`, ...flipLines(replay, replay.items.length, paint)];
      host.stdout.write(`${lines.join("\n")}\n${replaySentence(replay)}\n`);
      const [first] = replay.items;
      say(host, first === undefined ? "Next: countwheel plan" : `Next: countwheel why ${first.decisionId}`);
    }
    return options.detailedExitcode && replay.flips > 0 ? EXIT.changes : EXIT.ok;
  } finally {
    await close();
  }
}
