// The report as a loop of its own beside the reconciler: looks at pull requests, drains the outbox, waits, backs off.
import { setTimeout as wait } from "node:timers/promises";
import type { GithubSettings } from "../../contracts/environment.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { takeCommandNote } from "../../store/page-commands.ts";
import { lookAfterPreviews, type Unmarked } from "../previews/look-after.ts";
import { settlePreviews } from "../previews/settle.ts";
import { type ApprovalMemory, tellApprovals } from "./approvals/tell-approvals.ts";
import type { Hands } from "./commands/carry-out.ts";
import { runClicks } from "./commands/run-clicks.ts";
import { runCommands } from "./commands/run-commands.ts";
import type { Standing } from "./deployments/standing.ts";
import { type DeploymentMemory, type DeploymentTarget, tellDeployments } from "./deployments/tell-deployments.ts";
import { type GithubOptions, isFailure } from "./github/client.ts";
import type { MissedPresses } from "./github/missed-presses.ts";
import { connectGithub } from "./github.ts";
import {
  listPullRequests,
  type Planned,
  type PullRequestPlanning,
  planPullRequests,
} from "./pulls/plan-pull-requests.ts";
import { meetsAll, reportPending, type Shown } from "./report-pending.ts";

export interface ReportingOptions extends Omit<PullRequestPlanning, "github"> {
  readonly github: Omit<GithubOptions, "signal">;
  readonly intervalMs: number;
  /** How often previews are looked after between two looks. */
  readonly previewRoundMs?: number;
  /** What commands from pull requests may do; undefined: none is heard. */
  readonly hands?: Hands;
  /** Webhooks tell who presses the buttons of checks. */
  readonly buttons?: boolean;
  /** Asks for presses that were missed; absent: nobody may. */
  readonly missedPresses?: MissedPresses;
  /** How much of what waits for an answer GitHub gets to see; default: the arguments, too. */
  readonly approvalsShown?: GithubSettings["approvals"];
  /** The environment of GitHub whose deployments show where this one stands; undefined: none does. */
  readonly deployment?: DeploymentTarget;
  /** What the last look at the branch came to; undefined: there was none yet. */
  readonly standing?: () => Standing | null | undefined;
}

export interface Reporting {
  /** Look again now: something was applied, or a task ended. */
  nudge(): void;
  /** Settles when `signal` was aborted and the last request has ended. Rejects only on a bug. */
  readonly stopped: Promise<void>;
}

/** The reconciler never waits for GitHub: what it wants to say lies in the outbox, and this loop takes it from there. */
export function startReporting(options: ReportingOptions): Reporting {
  const { signal } = options;
  const github = connectGithub({ ...options.github, signal });
  const memory = emptyMemory();
  // Nobody may have been there when somebody pressed.
  options.missedPresses?.note();
  let nudged = new AbortController();
  const run = async (): Promise<void> => {
    let failures = 0;
    let isPoll = true;
    while (!signal.aborted) {
      const failure = await look({ ...options, github }, memory, isPoll);
      failures = failure === null ? 0 : failures + 1;
      if (failure !== null && !signal.aborted) options.say(`GitHub: ${failure.message}`);
      const ms = failure === null ? options.intervalMs : backoffMs(failures, failure);
      const signals = failure === null ? [signal, nudged.signal] : [signal];
      await restWithPreviews(options, ms, signals, () => nudged.abort());
      isPoll = !nudged.signal.aborted;
      nudged = new AbortController();
    }
  };
  // A nudge shortens the rest between two looks, never the wait that a failure asks for.
  return { nudge: () => nudged.abort(), stopped: run() };
}

/** Where nothing else is said: what becomes of previews is seen soon, and costs GitHub nothing until there is something to tell. */
const PREVIEW_ROUND_MS = 1_000;

/** Between the looks, never beside one: both write what is kept of previews. `told` is called once there is something to tell. */
async function restWithPreviews(
  options: ReportingOptions,
  ms: number,
  signals: readonly AbortSignal[],
  told: () => void,
): Promise<void> {
  const untilMs = performance.now() + ms;
  for (let leftMs = ms; leftMs > 0; leftMs = untilMs - performance.now()) {
    await rest(Math.min(leftMs, options.previewRoundMs ?? PREVIEW_ROUND_MS), signals);
    if (signals.some(({ aborted }) => aborted)) return;
    if (await settled(options)) told();
  }
}

/** What fails here fails in the next look, too, which says so. */
async function settled(options: ReportingOptions): Promise<boolean> {
  try {
    return await settlePreviews(options);
  } catch (error) {
    if (error instanceof TransientFailure || error instanceof PermanentFailure) return false;
    throw error;
  }
}

/** One look, for `--once`: answers what kept it from telling everything, or null. */
export function reportOnce(options: ReportingOptions): Promise<TransientFailure | PermanentFailure | null> {
  const github = connectGithub({ ...options.github, signal: options.signal });
  return look({ ...options, github }, emptyMemory(), true);
}

type Expected = TransientFailure | PermanentFailure;

interface Memory {
  readonly shown: Shown;
  readonly planned: Planned;
  readonly approvals: ApprovalMemory;
  readonly deployments: DeploymentMemory;
  readonly unmarked: Unmarked;
  /** It was said that nobody can be heard. */
  isDeaf: boolean;
}

function emptyMemory(): Memory {
  return {
    shown: new Map(),
    planned: new Map(),
    unmarked: new Map(),
    approvals: { isMute: false, isCrowded: false },
    deployments: { isMute: false },
    isDeaf: false,
  };
}

type LookOptions = PullRequestPlanning &
  Parameters<typeof reportPending>[0] &
  Pick<ReportingOptions, "hands" | "missedPresses" | "approvalsShown" | "deployment" | "standing">;

/** One tick. What is expected to fail, GitHub or Redis, is answered; a bug is thrown. */
async function look(options: LookOptions, memory: Memory, isPoll: boolean): Promise<Expected | null> {
  try {
    const failure = await planAndTell(options, memory);
    // What keeps one pull request from being told, such as a lock on it, keeps nobody from being heard.
    if (failure !== null && meetsAll(failure)) return failure;
    return (await hearCommands(options, memory, isPoll)) > 0 ? await planAndTell(options, memory) : failure;
  } catch (error) {
    if (error instanceof TransientFailure || error instanceof PermanentFailure) return error;
    throw error;
  }
}

async function planAndTell(options: LookOptions, memory: Memory): Promise<Expected | null> {
  const { planned, unmarked, shown, approvals } = memory;
  const pulls = await listPullRequests(options);
  const unplanned = await planPullRequests(options, pulls, planned);
  const unlooked = await lookAfterPreviews(options, pulls, unmarked);
  const drained = await reportPending(options, shown);
  const failure = drained.outcome === "later" ? drained.failure : (unplanned ?? unlooked);
  if (failure !== null && meetsAll(failure)) return failure;
  const untold = (await tellApprovals(options, approvals)) ?? (await mirror(options, memory));
  return failure ?? untold;
}

async function mirror(options: LookOptions, { deployments }: Memory): Promise<Expected | null> {
  const { deployment, standing } = options;
  if (deployment === undefined) return null;
  return await tellDeployments({ ...options, deployment, standing: standing?.() }, deployments);
}

/** After the plans: what people saw is then what is known. A look that a push has hurried up asks only where one was told of. */
async function hearCommands(options: LookOptions, memory: Memory, isPoll: boolean): Promise<number> {
  const { planned } = memory;
  const { hands, redis, env } = options;
  if (hands === undefined) return 0;
  await askForMissed(options);
  const isTold = await takeCommandNote(redis, env);
  if (!isTold && !isPoll) return 0;
  try {
    const desk = { ...options, hands, planAnew: (pull: number) => void planned.delete(pull) };
    const clicked = await runClicks(desk);
    return clicked + (await runCommands(desk));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // A token without the right to read comments hears nobody, and reports as ever.
    if (!memory.isDeaf) options.say(`commands on pull requests are not heard: ${error.message}`);
    memory.isDeaf = true;
    return 0;
  }
}

/** They come as deliveries, and are heard at the look after that. */
async function askForMissed({ missedPresses, say }: LookOptions): Promise<void> {
  try {
    const asked = (await missedPresses?.ask()) ?? 0;
    if (asked > 0)
      say(`GitHub was asked to deliver ${asked} missed ${asked === 1 ? "press" : "presses"} of buttons again`);
  } catch (error) {
    if (error instanceof PermanentFailure) say(`presses that were missed are not asked for: ${error.message}`);
    else if (!(error instanceof TransientFailure)) throw error;
  }
}

function isRefusal(error: unknown): error is PermanentFailure {
  return isFailure(error, "GITHUB_FORBIDDEN") || isFailure(error, "GITHUB_NOT_FOUND");
}

const FIRST_BACKOFF_MS = 5_000;
const LONGEST_BACKOFF_MS = 5 * 60_000;

/** What GitHub asks for, or ours, doubled with each failure in a row. */
function backoffMs(failures: number, failure: Expected): number {
  const asked = failure instanceof TransientFailure ? (failure.retryAfterMs ?? 0) : 0;
  return Math.max(asked, Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (failures - 1)));
}

/** Ends early, and without a word, when one of the signals is aborted. */
async function rest(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  await wait(ms, undefined, { signal: AbortSignal.any([...signals]) }).catch(() => undefined);
}
