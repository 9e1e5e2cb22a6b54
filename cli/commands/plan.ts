// `plan`: what an apply would change, of a working tree or a commit, against the state or a ref.
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { hasChanges, type Plan } from "../../contracts/plan.ts";
import { hasErrors } from "../../contracts/problem.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { findReplaced, type Replaced, replacedText } from "../../reconciler/apply/lineage-memory.ts";
import type { WorldFinding } from "../../reconciler/drift/probe.ts";
import {
  openSource,
  readCommitSource,
  type SourceSpec,
  type SourceTools,
} from "../../reconciler/environment-source.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import { makePlan, type PlannableSource } from "../../reconciler/plan/make-plan.ts";
import { observedFromSource } from "../../reconciler/plan/observed-from-source.ts";
import type { Recorded } from "../../reconciler/replay/replay.ts";
import { addReplay, recordedFor } from "../../reconciler/replay/replay-plan.ts";
import type { UnavailableReason } from "../../reconciler/source/source.ts";
import type { Holds } from "../../store/holds.ts";
import type { RecordComparison } from "../../store/scripts/compare-records.ts";
import { envWords } from "../env-words.ts";
import { environmentSpec, findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { fileFromHere, type SourceFlags, shellWord, sourceTools, sourceWords } from "../plan-source.ts";
import { waitLines } from "../plan-waits.ts";
import { careOf } from "../source-care.ts";
import type { StateReading } from "../state-reading.ts";
import { printPlan } from "../view/plan.ts";

export interface PlanOptions extends CommonFlags, SourceFlags {
  /** `state`, or a ref of the same repository. */
  readonly against: string;
  readonly config?: string;
  readonly out?: string;
  readonly detailedExitcode: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runPlan(host: Host, options: PlanOptions): Promise<ExitCode> {
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { settings } = found;
  const spec = environmentSpec(host, options, found);
  const tools = { ...(await sourceTools(host, spec)), ...careOf(found) };
  const reading = options.against === "state" ? await beginReading(host, options) : undefined;
  const opened = openSource(spec, tools);
  const source = await opened.read(host.signal).catch(async (error: unknown) => {
    await letGo(reading);
    throw error;
  });
  if (source.status === "unavailable") {
    await letGo(reading);
    return printUnavailable(host, options, source.reason);
  }
  const read = { env: options.env, spec, tools, source };
  const basis = await (reading === undefined
    ? readRef(host, options.against, read)
    : readBasis(host, reading.state, read));
  if (basis.status === "unavailable") return printUnavailable(host, options, basis.reason);
  const { observed, history, base, replaced, comparison, holds } = basis;
  const tool = { name: TOOL_NAME, version: readVersion() };
  const made = makePlan({
    source,
    history,
    observed,
    suspended: holds?.resources ?? new Map(),
    settings,
    ...(comparison === undefined ? {} : { comparison }),
    ...(basis.drifted === undefined ? {} : { drifted: basis.drifted }),
    env: options.env,
    now: host.now(),
    planId: randomUUID(),
    tool,
  });
  const plan = addReplay(made, basis.recorded ?? null, source);
  await printPlan(host, options.output, {
    plan,
    commit: source.identity.commit,
    base,
    showFile: fileFromHere(host, spec),
  });
  if (replaced !== null) say(host, `STATE_REPLACED: ${replacedText(replaced)}`);
  const verify = async () => (await opened.verify?.(base, plan.source.headSha, host.signal)) ?? null;
  const ground = { settings, from: base, accepted: holds?.acceptedHistory ?? null, verify, now: host.now() };
  if (holds !== undefined) for (const line of await waitLines(plan, ground)) say(host, line);
  return await finish(host, options, { spec, plan, replaced, isPatched: settings.overlays.length > 0 });
}

interface Reading {
  readonly state: Promise<StateReading>;
}

/** A connection that stays open would keep the process from ending. */
async function letGo(reading: Reading | undefined): Promise<void> {
  await reading?.state.then(({ server }) => server.close()).catch(() => undefined);
}

async function beginReading(host: Host, options: PlanOptions): Promise<Reading> {
  // Imported only here: a plan against a ref needs no Redis and should not wait for its client.
  const reading = await import("../state-reading.ts");
  return reading.beginReading(host, options);
}

export function printUnavailable(host: Host, { output }: CommonFlags, { code, message }: UnavailableReason): ExitCode {
  return printFailure(host, output, { code, message, exitCode: EXIT.failed, details: {} });
}

interface Read {
  readonly env: string;
  readonly spec: SourceSpec;
  readonly tools: SourceTools;
  readonly source: PlannableSource;
}

/** What the source is compared with. */
type Basis =
  | {
      readonly status: "ok";
      readonly observed: ObservedState;
      readonly history: Plan["source"]["history"];
      readonly base: string | null;
      readonly replaced: Replaced | null;
      /** Only against the state. */
      readonly holds?: Holds;
      readonly comparison?: RecordComparison;
      readonly drifted?: readonly WorldFinding[];
      /** Only against the state, where policies change. */
      readonly recorded?: Recorded | null;
    }
  | { readonly status: "unavailable"; readonly reason: UnavailableReason };

async function readBasis(host: Host, state: Promise<StateReading>, read: Read): Promise<Basis> {
  const { server, observed, holds, comparison } = await state;
  try {
    const base = observed.head?.commit ?? null;
    const history = await openSource(read.spec, read.tools).history(base, read.source.identity.headSha, host.signal);
    const { environment } = holds;
    if (environment !== null)
      say(host, `The environment is ${suspensionText(environment)}. Nothing is applied by itself.`);
    const { lineageMemory } = await import("../lineages.ts");
    const replaced = await findReplaced(lineageMemory(host, server.server, read.env), observed.head);
    const ground = { env: read.env, source: read.source, observed, now: host.now(), signal: host.signal };
    const recorded = await recordedFor(server.redis, ground);
    const { readDriftedTools } = await import("../../reconciler/drift/drifted-tools.ts");
    const drifted = await readDriftedTools(server.redis, read.env, observed);
    return { status: "ok", observed, history, base, replaced, comparison, drifted, holds, recorded };
  } finally {
    await server.close();
  }
}

async function readRef(host: Host, ref: string, { tools, source }: Read): Promise<Basis> {
  const { repo, path } = source.identity;
  const base = await readCommitSource({ kind: "commit", repo, ref, path }, tools, host.signal);
  // A directory that a branch is about to add does not exist in the ref that it is compared with.
  if (base.status === "unavailable" && base.reason.code === "PATH_NOT_FOUND") {
    say(host, `${ref} has no \`${path}\`: everything is new`);
    return { status: "ok", observed: { head: null, records: new Map() }, history: "first", base: null, replaced: null };
  }
  if (base.status === "unavailable") return base;
  if (base.status === "invalid")
    say(host, `the manifests of ${ref} have errors of their own: broken ones count as absent`);
  // Nothing was applied from that ref: how the two branches relate is no question of a rewritten history.
  const observed = observedFromSource(base);
  return { status: "ok", observed, history: "first", base: base.identity.headSha, replaced: null };
}

interface Made {
  readonly spec: SourceSpec;
  readonly plan: Plan;
  readonly replaced: Replaced | null;
  /** By overlays. */
  readonly isPatched: boolean;
}

async function finish(host: Host, options: PlanOptions, made: Made): Promise<ExitCode> {
  const { spec, plan, isPatched } = made;
  if (hasErrors(plan.problems) && !plan.applyable) {
    const words = sourceWords(spec, host);
    const planAgain = `countwheel plan ${words}${envWords(options.env)}`;
    // Patches of overlays belong to an environment, and are no manifests that `validate` could judge.
    const again = spec.kind === "folder" && !isPatched ? `countwheel validate ${words}` : planAgain;
    if (options.out !== undefined) say(host, `The plan was not saved: it cannot be applied.`);
    say(host, `Next: mend the problems above, then ${again}`);
    return EXIT.invalid;
  }
  if (options.out !== undefined) {
    const { writeSavedPlan } = await import("../../reconciler/plan/saved-plan.ts");
    await writeSavedPlan(resolve(host.cwd, options.out), plan, host.config.stateKey);
  }
  say(host, `Next: ${nextCommand(host, options, made)}`);
  return options.detailedExitcode && hasChanges(plan) ? EXIT.changes : EXIT.ok;
}

function nextCommand(host: Host, options: PlanOptions, { spec, plan, replaced }: Made): string {
  const env = envWords(options.env);
  if (replaced !== null) return `countwheel history${env}      (or apply with --accept-new-state, if this is meant)`;
  if (options.against !== "state") return `countwheel plan ${sourceWords(spec, host)}${env}`;
  if (!hasChanges(plan)) return `countwheel get agentsystems${env}`;
  const confirm = plan.confirm === null ? "" : ` --confirm-prunes ${plan.confirm.prunes}`;
  if (options.out !== undefined) return `countwheel apply ${shellWord(options.out)}${env}${confirm}`;
  return `countwheel apply ${sourceWords(spec, host)}${env}${confirm}      (or save it: add --out plan.json)`;
}
