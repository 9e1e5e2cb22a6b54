// `rebuild`: restores the state from Git after a Redis was lost, and says what it could not know.
import { randomUUID } from "node:crypto";
import { openSource, type SourceSpec } from "../../reconciler/environment-source.ts";
import { renderProblem } from "../../reconciler/plan/render-problem.ts";
import { type RebuildOutcome, type Rebuilt, rebuild } from "../../reconciler/rebuild/rebuild.ts";
import { readState } from "../../store/state.ts";
import { envWords } from "../env-words.ts";
import { environmentCommit, findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printFailure, printJson, say, UsageFailure } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { personOf } from "../person.ts";
import { fileFromHere, sourceTools, sourceWords } from "../plan-source.ts";
import { openRedis } from "../redis.ts";
import { careOf } from "../source-care.ts";
import { openWriter } from "../writer.ts";
import { printUnavailable } from "./plan.ts";

export interface RebuildOptions extends CommonFlags {
  readonly repo?: string;
  readonly ref?: string;
  readonly path?: string;
  /** The commit that was applied last; default: the one that is remembered here. */
  readonly commit?: string;
  readonly as?: string;
  /** The file of settings. */
  readonly config?: string;
  readonly allowUnprotected?: boolean;
}

export async function runRebuild(host: Host, options: RebuildOptions): Promise<ExitCode> {
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const server = await openRedis(host, options);
  const { writer, close } = openWriter(host, server, options.env);
  try {
    const observed = await readState(server.redis, options.env);
    if (observed.head !== null) return printExists(host, options, observed.head.serial, observed.records.size);
    const commit = options.commit ?? (await writer.lineages.recallCommit());
    if (commit === null) {
      throw new UsageFailure(
        "no commit is remembered here for this environment and this Redis: name the one that was applied last with --commit",
      );
    }
    const spec = environmentCommit(host, { ...options, ref: commit }, found);
    const tools = { ...(await sourceTools(host, spec)), ...careOf(found) };
    const source = await openSource(spec, tools).read(host.signal);
    if (source.status === "unavailable") return printUnavailable(host, options, source.reason);
    if (source.status === "invalid" && !found.settings.isolate) {
      const paint = paintFor(host.stderr, host.config.color);
      for (const problem of source.problems) say(host, renderProblem(problem, paint, fileFromHere(host, spec)));
      return fail(
        host,
        options,
        "MANIFESTS_INVALID",
        `the manifests of ${commit} have errors; nothing was changed. Name the last commit that had none with --commit, or say \`isolate: true\` in countwheel.yaml to restore what is valid`,
        EXIT.invalid,
      );
    }
    const person = await personOf(host, options.as);
    const tool = { name: TOOL_NAME, version: readVersion() };
    const outcome = await rebuild(writer, {
      source,
      settings: found.settings,
      observed,
      tool,
      newId: randomUUID,
      person,
    });
    return print(host, options, spec, outcome);
  } finally {
    await close();
    await server.close();
  }
}

function print(host: Host, options: RebuildOptions, spec: SourceSpec, outcome: RebuildOutcome): ExitCode {
  switch (outcome.outcome) {
    case "rebuilt":
      printRebuilt(host, options, spec, outcome);
      return EXIT.ok;
    case "exists":
      return printExists(host, options, outcome.serial, outcome.records);
    case "stale":
    case "used":
      return fail(host, options, "STATE_EXISTS", "somebody else gave the environment a state meanwhile", EXIT.blocked);
    case "locked":
      return fail(host, options, "STATE_LOCKED", `${outcome.holder} is writing; try again`, EXIT.failed);
    case "lock-lost":
      return fail(host, options, "LEASE_LOST", "the writer's lock was lost; nothing was changed", EXIT.stale);
  }
}

function printRebuilt(host: Host, { output, env, ref }: RebuildOptions, spec: SourceSpec, rebuilt: Rebuilt): void {
  const { outcome: _outcome, ...facts } = rebuilt;
  if (output === "json") printJson(host, { formatVersion: "1", env, ...facts });
  else host.stdout.write(`${text(rebuilt)}\n`);
  const next = spec.kind === "commit" && ref !== undefined ? { ...spec, ref } : spec;
  say(host, `Next: countwheel plan ${sourceWords(next, host)}${envWords(env)}`);
}

function text({ serial, lineage, commit, records, tasksNotRunAgain, unknown }: Rebuilt): string {
  const tasks = tasksNotRunAgain.map((address) => `  ${address} counts as run and is not run again`);
  return [
    `Rebuilt ${records} records of ${commit} as serial ${serial}. The state has a new lineage, ${lineage}:`,
    "other machines that applied to the old one go on with --accept-new-state.",
    ...tasks,
    "It could not know:",
    ...unknown.map((line) => `  - ${line}`),
  ].join("\n");
}

function printExists(host: Host, options: RebuildOptions, serial: number, records: number): ExitCode {
  const message = `environment ${options.env} has a state (serial ${serial}, ${records} records), which a rebuild would replace; plan and apply instead, with --accept-new-state where it is another one than before`;
  return fail(host, options, "STATE_EXISTS", message, EXIT.blocked);
}

function fail(host: Host, { output }: RebuildOptions, code: string, message: string, exitCode: ExitCode): ExitCode {
  return printFailure(host, output, { code, message, exitCode, details: {} });
}
