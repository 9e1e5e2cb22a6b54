// Looks at the open pull requests and decides which previews begin and which are over. What they do then goes on by itself.
import { PermanentFailure } from "../../contracts/failure.ts";
import { ON_PULL_REQUEST, type Preview, type PreviewEnd, RUN_ON } from "../../contracts/preview.ts";
import { readHolds } from "../../store/holds.ts";
import { emptyPreviewEnvironment } from "../../store/preview-environment.ts";
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
import { readHead, readState } from "../../store/state.ts";
import { findReplaced } from "../apply/lineage-memory.ts";
import type { PullRequest } from "../report/github/pulls.ts";
import type { SourceAnswer } from "../source/source.ts";
import { isTransientReason } from "../source/unavailable.ts";
import { beginPreview } from "./begin.ts";
import { keepAndTell, type PreviewCare, refuse, settingsIn } from "./care.ts";
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
    if (!(await mayBegin(care))) return;
    for (const pull of pulls) if (!signal.aborted) await apart(() => consider(care, pull, unmarked));
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

async function mayBegin(care: PreviewCare): Promise<boolean> {
  const { redis, env, lineages } = care;
  if (!settingsIn(care).previews.enabled) return false;
  if ((await findReplaced(lineages, await readHead(redis, env))) !== null) return false;
  return (await readHolds(redis, env)).environment === null;
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

async function consider(care: PreviewCare, pull: PullRequest, unmarked: Unmarked): Promise<void> {
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
  if (source.status === "invalid" || markedTasks(source.set.manifests).length === 0) {
    unmarked.set(number, headSha);
    return word === undefined ? undefined : refuse(care, preview, [NOTHING_MARKED]);
  }
  const { previews: settings, signatures } = settingsIn(care);
  if (word === undefined && !(pull.isOwn && signatures.mode === "none"))
    return keepAndTell(care, askingFor(preview, pull));
  if (previews.filter(isUnderWay).length < settings.maxOpen) await judgeAndBegin(care, preview, source);
}

async function judgeAndBegin(
  care: PreviewCare,
  preview: Preview,
  source: Extract<SourceAnswer, { readonly status: "ok" }>,
): Promise<void> {
  const observed = await readState(care.redis, care.env);
  if (observed.head === null) return refuse(care, preview, [NOTHING_APPLIED]);
  const composed = composePreview(source.set.manifests, observed.records, settingsIn(care).previews);
  const whole = { ...preview, left: composed.marked - composed.runs, remarks: composed.remarks };
  if (composed.runs === 0) return refuse(care, whole, []);
  if (await isDayOver(care))
    return refuse(care, whole, [
      `${settingsIn(care).previews.maxPerDay} previews were started today, which is all that there may be on one day`,
    ]);
  const { serial, commit } = observed.head;
  await beginPreview(care, whole, { source, manifests: composed.manifests, base: { serial, commit } });
}

const NOTHING_APPLIED = "nothing has been applied yet: there are no policies that it could run under";
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

async function isDayOver(care: PreviewCare): Promise<boolean> {
  const { redis, env, now } = care;
  const today = Math.floor(now().getTime() / DAY_MS) * DAY_MS;
  return (await countPreviewStarts(redis, env, today)) >= settingsIn(care).previews.maxPerDay;
}
