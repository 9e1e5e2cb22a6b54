// What one environment needs to be looked after: its source, a writer (or, in a dry run, only eyes), its report to GitHub.
import { randomUUID } from "node:crypto";
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import { commitSourceReader, openSource, settingsEditsReader } from "../../reconciler/environment-source.ts";
import { PruneConfirmation } from "../../reconciler/holds/confirm.ts";
import type { LoopOptions } from "../../reconciler/loop.ts";
import type { Hands } from "../../reconciler/report/commands/carry-out.ts";
import type { MissedPresses } from "../../reconciler/report/github/missed-presses.ts";
import type { ReportingOptions } from "../../reconciler/report/start-reporting.ts";
import { AppliedState } from "../../reconciler/triggers/applied-state.ts";
import type { Redis } from "../../store/connect.ts";
import { githubLogin } from "../github-login.ts";
import type { Host } from "../host.ts";
import { say, UsageFailure } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { sourceTools } from "../plan-source.ts";
import type { OpenRedis } from "../redis.ts";
import { careOf } from "../source-care.ts";
import { openReader, openWriter } from "../writer.ts";
import { openHands } from "./hands.ts";
import type { ReconcileOptions, Served } from "./options.ts";
import { type Print, printer } from "./printer.ts";

export type Loop = Omit<LoopOptions, "emit">;

export interface OpenEnvironment extends Served {
  readonly loop: Loop;
  readonly report: ReportingOptions | undefined;
  /** What commands from pull requests may do; `ring` wakes the loop. */
  readonly handsOf: (ring: () => void) => Hands;
  readonly print: Print;
  /** The connection that hears the bells of schedules; made when it is asked for. */
  readonly ears: () => Redis;
  /** What TaskWebhooks and unfinished deliveries are looked up in. */
  readonly state: AppliedState;
  readonly close: () => Promise<void>;
}

export interface EnvironmentInput {
  readonly options: ReconcileOptions;
  readonly server: OpenRedis;
  readonly served: Served;
  /** Several environments are served: lines name theirs. */
  readonly naming: boolean;
  /** One for all of them: they are the App's. */
  readonly missedPresses: MissedPresses | undefined;
}

export async function openEnvironment(host: Host, input: EnvironmentInput): Promise<OpenEnvironment> {
  const { options, server, served, naming, missedPresses } = input;
  const { env, spec } = served;
  const dryRun = options.dryRun === true;
  const settings = served.settings ?? defaultSettings(env);
  const tools = { ...(await sourceTools(host, spec)), ...careOf({ settings, folder: served.folder }) };
  const reports = options.github !== undefined && !dryRun;
  const { writer, close } = dryRun ? openReader(host, server, env) : openWriter(host, server, env, reports);
  const loop: Loop = {
    source: openSource(spec, tools),
    writer,
    tool: { name: TOOL_NAME, version: readVersion() },
    newId: randomUUID,
    allowHistory: options.allowHistory ?? [],
    settings,
    confirmation: new PruneConfirmation(options.confirmPrunes ?? null),
    signal: host.signal,
    intervalMs: options.interval,
    random: Math.random,
    dryRun,
  };
  if (options.acceptNewState === true && !dryRun) await writer.lineages.forget();
  const { github } = options;
  const report =
    github === undefined || spec.kind !== "commit" || dryRun
      ? undefined
      : await reportingOptions(host, options, { github, ...readersOf(spec, tools), missedPresses, loop, served });
  const print = printer(host, { output: options.output, env, spec, naming });
  const state = new AppliedState(server.redis, env, host.now);
  const ears = onlyOnce(() => server.connectAnother("worker"));
  const handsOf = (ring: () => void): Hands => openHands(host, options, loop, ring);
  return { ...served, loop, report, handsOf, print, ears, state, close };
}

function readersOf(spec: Parameters<typeof commitSourceReader>[0], tools: Parameters<typeof commitSourceReader>[1]) {
  return { readSource: commitSourceReader(spec, tools), editsSettings: settingsEditsReader(spec, tools) };
}

/** Who leads, stands by and leads again does so with one connection. */
function onlyOnce(connect: () => Redis): () => Redis {
  let made: Redis | undefined;
  return () => (made ??= connect());
}

interface ReportInput {
  /** `owner/name`. */
  readonly github: string;
  readonly readSource: ReturnType<typeof commitSourceReader>;
  readonly editsSettings: ReturnType<typeof settingsEditsReader>;
  readonly missedPresses: MissedPresses | undefined;
  readonly loop: Loop;
  readonly served: Served;
}

/** A limit that GitHub lifts within this time is waited for. */
const WAIT_FOR_LIMIT_MS = 60_000;
/** Most plans are there sooner, and one edit of the comment is enough for them. */
const ANNOUNCE_AFTER_MS = 2_000;

async function reportingOptions(host: Host, options: ReconcileOptions, input: ReportInput): Promise<ReportingOptions> {
  const { readSource, editsSettings, loop, served } = input;
  const { apiUrl } = host.config.github;
  const [owner = "", name = ""] = input.github.split("/");
  const token = await githubLogin(host, input.github);
  if (token === undefined)
    throw new UsageFailure(
      "--github needs a token in GITHUB_TOKEN, or an App's COUNTWHEEL_GITHUB_APP_ID and COUNTWHEEL_GITHUB_APP_PRIVATE_KEY",
    );
  return {
    redis: loop.writer.redis,
    env: served.env,
    lineages: loop.writer.lineages,
    github: { token, apiUrl, repository: { owner, name }, pace: "github", waitForLimitMs: WAIT_FOR_LIMIT_MS },
    branch: served.spec.kind === "commit" && served.spec.ref !== "HEAD" ? served.spec.ref : null,
    readSource,
    editsSettings,
    ...(served.settings === undefined ? {} : { settings: served.settings }),
    tool: loop.tool,
    intervalMs: options.interval,
    // GitHub tells of buttons to the App that made the check, and to nobody else.
    buttons: hearsClicks(host, options),
    ...(input.missedPresses === undefined ? {} : { missedPresses: input.missedPresses }),
    ...shownOn(loop.settings ?? defaultSettings(served.env)),
    announceAfterMs: ANNOUNCE_AFTER_MS,
    now: host.now,
    newId: loop.newId,
    say: (line) => say(host, line),
    signal: host.signal,
  };
}

function shownOn({ github }: EnvironmentSettings): Pick<ReportingOptions, "approvalsShown" | "deployment"> {
  const { approvals: approvalsShown, deployment: environment, environmentUrl: url } = github;
  return environment === null ? { approvalsShown } : { approvalsShown, deployment: { environment, url } };
}

/** Undefined where no button is offered. */
export async function openMissed(host: Host, options: ReconcileOptions): Promise<MissedPresses | undefined> {
  const { app, apiUrl } = host.config.github;
  if (app === undefined || options.github === undefined || !hearsClicks(host, options)) return undefined;
  // Loaded here: most processes are no App.
  const { openMissedPresses } = await import("../../reconciler/report/github/missed-presses.ts");
  return openMissedPresses({ apiUrl, app, signal: host.signal, now: host.now });
}

function hearsClicks({ config: { github, webhookSecrets } }: Host, { listen }: ReconcileOptions): boolean {
  return github.app !== undefined && listen !== undefined && webhookSecrets.length > 0;
}
