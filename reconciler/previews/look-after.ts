// Looks at the open pull requests and decides which previews begin and which are over. What they do then goes on by itself.
import { PermanentFailure } from "../../contracts/failure.ts";
import { ON_PULL_REQUEST, type Preview, type PreviewEnd, RUN_ON } from "../../contracts/preview.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { readHolds } from "../../store/holds.ts";
import { emptyPreviewEnvironment, takePreviewEnvironment } from "../../store/preview-environment.ts";
import {
  countPreviewStarts,
  dropPreviewWord,
  findPreviewWord,
  forgetPreview,
  keepPreviewWords,
  type PreviewWord,
  readPreviews,
  writePreview,
} from "../../store/previews.ts";
import { readState } from "../../store/state.ts";
import { findReplaced } from "../apply/lineage-memory.ts";
import type { PullRequest } from "../report/github/pulls.ts";
import { isTransientReason } from "../source/unavailable.ts";
import { beginPreview } from "./begin.ts";
import { keepAndTell, type PreviewCare, settingsIn } from "./care.ts";
import { composePreview, markedTasks } from "./compose.ts";
import { settlePreviews } from "./settle.ts";

/** Pull request → the head that was found to ask for no preview. */
export type Unmarked = Map<number, string>;

/** Answers what kept one from being looked after; null: nothing. It keeps no other back, and is tried again at the next look. */
export async function lookAfterPreviews(
  care: PreviewCare,
  pulls: readonly PullRequest[],
  unmarked: Unmarked,
): Promise<PermanentFailure | null> {
  const { redis, env, signal } = care;
  const open = new Map(pulls.map((pull) => [pull.number, pull]));
  for (const number of unmarked.keys()) if (!open.has(number)) unmarked.delete(number);
  const failures: PermanentFailure[] = [];
  const apart = (work: () => Promise<void>): Promise<void> => unlessPermanent(work, failures);
  await apart(async () => {
    await keepPreviewWords(redis, env, [...open.keys()]);
    for (const preview of await readPreviews(redis, env))
      await apart(() => endIfOver(care, preview, open.get(preview.pullRequest)));
    await settlePreviews(care);
    const observed = await readBase(care);
    if (observed === undefined) return;
    for (const pull of pulls) if (!signal.aborted) await apart(() => consider({ care, observed, unmarked }, pull));
  });
  return failures[0] ?? null;
}

async function unlessPermanent(work: () => Promise<void>, failures: PermanentFailure[]): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PermanentFailure)) throw error;
    failures.push(error);
  }
}

/** undefined: nothing may begin now. */
async function readBase(care: PreviewCare): Promise<ObservedState | undefined> {
  const { redis, env, lineages } = care;
  if (!settingsIn(care).previews.enabled) return undefined;
  const observed = await readState(redis, env);
  if ((await findReplaced(lineages, observed.head)) !== null) return undefined;
  return (await readHolds(redis, env)).environment === null ? observed : undefined;
}

async function endIfOver(care: PreviewCare, preview: Preview, pull: PullRequest | undefined): Promise<void> {
  const { redis, env } = care;
  const { phase, pullRequest } = preview;
  if (phase === "ending" || phase === "dropping") return;
  const end = await findEnd(care, preview, pull);
  if (phase === "asking" || phase === "refused") {
    if (end !== undefined) await forgetPreview(redis, env, pullRequest);
  } else if (phase === "starting") {
    // Its maker died. Nobody has been at work in it, so it can go at once, and begins anew where it is still wanted.
    await emptyPreviewEnvironment(redis, preview.env, { of: env, id: preview.id }, "give-back");
    await forgetPreview(redis, env, pullRequest);
  } else if (end !== undefined) {
    await writePreview(redis, env, { ...preview, phase: phase === "ended" ? "dropping" : "ending", end });
  }
}

async function findEnd(
  care: PreviewCare,
  { pullRequest, head }: Preview,
  pull: PullRequest | undefined,
): Promise<PreviewEnd | undefined> {
  if (!settingsIn(care).previews.enabled) return "disabled";
  if (pull === undefined) return "closed";
  if (pull.headSha !== head) return "superseded";
  const word = await findPreviewWord(care.redis, care.env, pullRequest);
  return word?.head === head ? "again" : undefined;
}

interface Considering {
  readonly care: PreviewCare;
  readonly observed: ObservedState;
  readonly unmarked: Unmarked;
}

async function consider({ care, observed, unmarked }: Considering, pull: PullRequest): Promise<void> {
  const { redis, env, readSource, signal } = care;
  const { number, headSha } = pull;
  const previews = await readPreviews(redis, env);
  if (previews.some(({ pullRequest }) => pullRequest === number)) return;
  const word = await wordOn(care, pull);
  if (word === undefined && unmarked.get(number) === headSha) return;
  const source = await readSource(`refs/pull/${number}/head`, signal);
  if (source.status === "unavailable") {
    if (!isTransientReason(source.reason)) unmarked.set(number, headSha);
    return;
  }
  // The branch may have moved since the list was made: nobody has said anything about that head yet.
  if (source.identity.headSha !== headSha) return;
  const preview = freshPreview(care, pull, word?.by ?? null);
  // The plan tells what is wrong with a set that is invalid.
  const marked = source.status === "invalid" ? [] : markedTasks(source.set.manifests);
  if (source.status === "invalid" || marked.length === 0) {
    unmarked.set(number, headSha);
    if (word === undefined) return;
    await dropPreviewWord(redis, env, number);
    return keepAndTell(care, { ...preview, phase: "refused", remarks: [NOTHING_MARKED] });
  }
  const { previews: settings, signatures } = settingsIn(care);
  if (word === undefined && !(pull.isOwn && signatures.mode === "none"))
    return keepAndTell(care, askingFor(preview, pull));
  if (previews.filter(isUnderWay).length >= settings.maxOpen) return;
  const composed = composePreview(source.set.manifests, observed.records, settings);
  const refusal = await findRefusal(care, { preview, observed, runs: composed.runs });
  const left = composed.marked - composed.runs;
  const whole = { ...preview, left, remarks: [...(refusal === undefined ? [] : [refusal]), ...composed.remarks] };
  if (refusal !== undefined || composed.runs === 0) {
    await dropPreviewWord(redis, env, number);
    return keepAndTell(care, { ...whole, phase: "refused" });
  }
  const { serial = 0, commit = null } = observed.head ?? {};
  await beginPreview(care, whole, { source, manifests: composed.manifests, base: { serial, commit } });
}

const NOTHING_MARKED = `no Task of this head is marked with \`${RUN_ON}: ${ON_PULL_REQUEST}\``;

/** One on another head counts no more. */
async function wordOn({ redis, env }: PreviewCare, { number, headSha }: PullRequest): Promise<PreviewWord | undefined> {
  const word = await findPreviewWord(redis, env, number);
  if (word === undefined || word.head === headSha) return word;
  await dropPreviewWord(redis, env, number);
  return undefined;
}

function isUnderWay({ phase }: Preview): boolean {
  return phase !== "asking" && phase !== "refused" && phase !== "ended";
}

/** Long enough for what its tasks may take, and for a person's answer to none of them. */
function freshPreview(care: PreviewCare, { number, headSha }: PullRequest, by: string | null): Preview {
  const { prefix, waitMs, durationMs } = settingsIn(care).previews;
  const at = care.now();
  return {
    id: care.newId(),
    pullRequest: number,
    head: headSha,
    env: `${prefix}${number}`,
    phase: "starting",
    end: null,
    by,
    tasks: [],
    left: 0,
    remarks: [],
    startedAt: at.toISOString(),
    endsAt: new Date(at.getTime() + waitMs + durationMs).toISOString(),
  };
}

function askingFor(preview: Preview, { isOwn }: PullRequest): Preview {
  const why = isOwn
    ? "this environment asks for signed commits, and nobody has looked at this head's"
    : "this head comes from a fork or from a bot";
  return { ...preview, phase: "asking", remarks: [why] };
}

const DAY_MS = 24 * 60 * 60_000;

interface RefusalGround {
  readonly preview: Preview;
  readonly observed: ObservedState;
  readonly runs: number;
}

async function findRefusal(care: PreviewCare, { preview, observed, runs }: RefusalGround): Promise<string | undefined> {
  const { redis, env, now } = care;
  const { maxPerDay } = settingsIn(care).previews;
  if (observed.head === null) return "nothing has been applied yet: there are no policies that it could run under";
  if (runs === 0) return undefined;
  const today = Math.floor(now().getTime() / DAY_MS) * DAY_MS;
  if ((await countPreviewStarts(redis, env, today)) >= maxPerDay)
    return `${maxPerDay} previews were started today, which is all that there may be on one day`;
  if ((await takePreviewEnvironment(redis, preview.env, { of: env, id: preview.id })) === "taken") return undefined;
  return `the environment \`${preview.env}\` is somebody else's: set another \`previews.prefix\` in countwheel.yaml`;
}
