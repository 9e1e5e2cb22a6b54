// `drift`: where the state or the world differs from what was applied, with a ready way to adopt, revert or ignore it.
import { randomUUID } from "node:crypto";
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { findHost } from "../../reconciler/drift/find-host.ts";
import { type Looked, lookForDrift, worldProbes } from "../../reconciler/drift/look.ts";
import { offerWays } from "../../reconciler/drift/offer-ways.ts";
import { openSource } from "../../reconciler/environment-source.ts";
import { makePlan, type PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { environmentSpec, findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { fileFromHere, type SourceFlags, shellWord, sourceTools, sourceWords } from "../plan-source.ts";
import { openRedis } from "../redis.ts";
import { renderDrift } from "../view/drift.ts";
import { printUnavailable } from "./plan.ts";

export interface DriftOptions extends CommonFlags, SourceFlags {
  /** The file of settings. */
  readonly config?: string;
  /** Ask no name server. */
  readonly offline: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runDrift(host: Host, options: DriftOptions): Promise<ExitCode> {
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { settings } = found;
  const spec = environmentSpec(host, options, found);
  const tools = { ...(await sourceTools(host, spec)), overlays: settings.overlays };
  const source = await openSource(spec, tools).read(host.signal);
  if (source.status === "unavailable") return printUnavailable(host, options, source.reason);
  const looked = await look(host, options, { source, settings });
  const applyCommand = `countwheel apply ${sourceWords(spec, host)}${envFlag(options)}`;
  const report = await offerWays(looked.report, {
    spec,
    tools,
    source,
    records: looked.observed.records,
    context: { env: options.env, applyCommand },
    signal: host.signal,
  });
  if (options.output === "json") printJson(host, report);
  else {
    const paint = paintFor(host.stdout, host.config.color);
    host.stdout.write(renderDrift(report, { paint, showFile: fileFromHere(host, spec) }));
  }
  const again = `countwheel plan ${sourceWords(spec, host)}${envFlag(options)}`;
  say(host, `Next: ${report.counts.record > 0 ? applyCommand : again}`);
  return report.items.length > 0 ? EXIT.changes : EXIT.ok;
}

interface Compared {
  readonly source: PlannableSource;
  readonly settings: EnvironmentSettings;
}

async function look(host: Host, options: DriftOptions, { source, settings }: Compared): Promise<Looked> {
  const { env } = options;
  const server = await openRedis(host, options);
  const { redis } = server;
  try {
    const tool = { name: TOOL_NAME, version: readVersion() };
    const plan = async (observed: ObservedState) =>
      makePlan({
        source,
        observed,
        env,
        settings,
        history: "fast-forward",
        now: host.now(),
        planId: randomUUID(),
        tool,
      });
    const probes = worldProbes(redis, env, options.offline ? null : findHost);
    const { ignore } = settings.drift;
    return await lookForDrift({ redis, env, ignore, probes, plan, signal: host.signal }, source);
  } finally {
    await server.close();
  }
}

function envFlag({ env }: DriftOptions): string {
  return env === "default" ? "" : ` --env ${shellWord(env)}`;
}
