// `reconcile`: watches a repository and applies what reaches its branch, until it is stopped; `--once` looks once.
import { randomUUID } from "node:crypto";
import type { History } from "../../contracts/plan.ts";
import { commitSourceReader, openSource, type SourceSpec } from "../../reconciler/environment-source.ts";
import { type LoopEvent, type LoopOptions, runLoop } from "../../reconciler/loop.ts";
import type { Reporting, ReportingOptions } from "../../reconciler/report/start-reporting.ts";
import { type TickOutcome, tickUntilDone } from "../../reconciler/tick.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, say, UsageFailure } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { commitSpec, fileFromHere, sourceTools, sourceWords } from "../plan-source.ts";
import { openRedis } from "../redis.ts";
import { runTogether } from "../run-together.ts";
import { renderLoopEvent } from "../view/loop-event.ts";
import { loopEventValue } from "../view/loop-event-value.ts";
import { openWriter } from "../writer.ts";

export interface ReconcileOptions extends CommonFlags {
  readonly repo?: string;
  readonly ref?: string;
  readonly path?: string;
  /** Milliseconds. */
  readonly interval: number;
  readonly once: boolean;
  /** `owner/name`: show plans and applies on the pull requests of this repository. */
  readonly github?: string;
  readonly allowHistory?: readonly History[];
  /** The state was replaced, and that was meant. */
  readonly acceptNewState?: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runReconcile(host: Host, options: ReconcileOptions): Promise<ExitCode> {
  return await reconcileSource(host, options, commitSpec(host, options));
}

/** Looks again and again at a repository or, for development, at a folder. */
export async function reconcileSource(host: Host, options: ReconcileOptions, spec: SourceSpec): Promise<ExitCode> {
  const tools = await sourceTools(host, spec);
  const server = await openRedis(host, options);
  const { redis } = server;
  const { writer, close: closeWriter } = openWriter(host, server, options.env, options.github !== undefined);
  const loop: Loop = {
    source: openSource(spec, tools),
    writer,
    tool: { name: TOOL_NAME, version: readVersion() },
    newId: randomUUID,
    allowHistory: options.allowHistory ?? [],
    signal: host.signal,
    intervalMs: options.interval,
    random: Math.random,
  };
  try {
    if (options.acceptNewState === true) await writer.lineages.forget();
    const print = printer(host, options, spec);
    const readSource = spec.kind === "commit" ? commitSourceReader(spec, tools) : undefined;
    const report =
      options.github === undefined || readSource === undefined
        ? undefined
        : reportingOptions(host, options, { github: options.github, redis, readSource, loop });
    if (options.once) return await lookOnce(host, { loop, report, print });
    say(host, `Watching ${sourceWords(spec, host)} for environment ${options.env}.`);
    await lookOn({ loop, report, print });
    return EXIT.ok;
  } finally {
    await closeWriter();
    await server.close();
  }
}

type Loop = Omit<LoopOptions, "emit">;

type Print = (event: LoopEvent) => void;

function printer(host: Host, { output }: ReconcileOptions, spec: SourceSpec): Print {
  const paint = paintFor(host.stdout, host.config.color);
  const showFile = fileFromHere(host, spec);
  return (event) => {
    const now = host.now().toISOString();
    if (output === "jsonl") {
      host.stdout.write(`${JSON.stringify({ at: now, ...loopEventValue(event) })}\n`);
      return;
    }
    const time = now.slice(11, 19);
    for (const line of renderLoopEvent(event, paint, showFile)) host.stdout.write(`${paint("dim", time)}  ${line}\n`);
  };
}

interface Looking {
  readonly loop: Loop;
  readonly report: ReportingOptions | undefined;
  readonly print: Print;
}

/** The report is a loop of its own: it never holds the reconciler up, and ends with it. */
async function lookOn({ loop, report, print }: Looking): Promise<void> {
  if (report === undefined) return await runLoop({ ...loop, emit: print });
  const { startReporting } = await import("../../reconciler/report/start-reporting.ts");
  let reporting: Reporting | undefined;
  const emit = (event: LoopEvent): void => {
    if (event.type === "ended" && event.result.outcome === "applied") reporting?.nudge();
    print(event);
  };
  await runTogether(loop.signal, [
    (signal) => (reporting = startReporting({ ...report, signal })).stopped,
    (signal) => runLoop({ ...loop, signal, emit }),
  ]);
}

/** What GitHub could not be told waits in the outbox for the next look; the apply stands, and the exit code says 1. */
async function lookOnce(host: Host, { loop, report, print }: Looking): Promise<ExitCode> {
  const result = await tickUntilDone({
    ...loop,
    onPlan: (plan, commit) => {
      if (plan.changes.length > 0) print({ type: "planned", plan, commit });
    },
  });
  print({ type: "ended", result });
  const untold =
    report === undefined ? null : await (await import("../../reconciler/report/start-reporting.ts")).reportOnce(report);
  if (untold !== null) say(host, `${untold.code}: ${untold.message} GitHub is told at the next look.`);
  const code = exitCodeOf(result);
  return code === EXIT.ok && untold !== null ? EXIT.failed : code;
}

function exitCodeOf({ outcome }: TickOutcome): ExitCode {
  switch (outcome) {
    case "applied":
    case "unchanged":
    case "would-apply":
      return EXIT.ok;
    case "unavailable":
    case "locked":
      return EXIT.failed;
    case "invalid":
      return EXIT.invalid;
    case "held":
      return EXIT.blocked;
    case "overtaken":
      return EXIT.stale;
  }
}

interface ReportInput {
  /** `owner/name`. */
  readonly github: string;
  readonly redis: Redis;
  readonly readSource: ReturnType<typeof commitSourceReader>;
  readonly loop: Loop;
}

/** A limit that GitHub lifts within this time is waited for. */
const WAIT_FOR_LIMIT_MS = 60_000;

function reportingOptions(host: Host, options: ReconcileOptions, input: ReportInput): ReportingOptions {
  const { redis, readSource, loop } = input;
  const { token, apiUrl } = host.config.github;
  const [owner = "", name = ""] = input.github.split("/");
  if (token === undefined) throw new UsageFailure("--github needs a token in GITHUB_TOKEN");
  return {
    redis,
    env: options.env,
    lineages: loop.writer.lineages,
    github: { token, apiUrl, repository: { owner, name }, pace: "github", waitForLimitMs: WAIT_FOR_LIMIT_MS },
    branch: options.ref ?? null,
    readSource,
    tool: loop.tool,
    intervalMs: options.interval,
    now: host.now,
    newId: loop.newId,
    say: (line) => say(host, line),
    signal: host.signal,
  };
}
