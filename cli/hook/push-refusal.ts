// Why a push may not come in, and the command that goes on from there. Pure.
import { displayAddress } from "../../contracts/address.ts";
import type { Change, Plan } from "../../contracts/plan.ts";
import { hasErrors } from "../../contracts/problem.ts";
import { replacedText } from "../../reconciler/apply/lineage-memory.ts";
import type { HistoryHold } from "../../reconciler/holds/history.ts";
import { isPeoplesHold, peoplesHoldText } from "../../reconciler/holds/people.ts";
import type { Hold, TickOutcome } from "../../reconciler/tick.ts";
import { envWords } from "../env-words.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { shellWord } from "../plan-source.ts";
import type { Push } from "./open-push.ts";
import { confirmWord, historyWord, pushAgain } from "./received.ts";

export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly exitCode: ExitCode;
  /** The command to run next, or what to do before it. */
  readonly next: string;
}

type Planned = Exclude<TickOutcome, { readonly outcome: "unavailable" }>;

/** undefined: it may come in. Errors in manifests count although the environment isolates them: here they can still be mended. */
export function refusalOf(outcome: Planned, push: Push): Refusal | undefined {
  const { plan } = outcome;
  if (hasErrors(plan.problems)) return invalid(push);
  if (outcome.outcome === "held") return plan.changes.length === 0 ? undefined : held(outcome.hold, push);
  return blockedBy(plan, push);
}

function invalid({ words }: Push): Refusal {
  return {
    code: "MANIFESTS_INVALID",
    message: "the pushed commit has manifests with errors",
    exitCode: EXIT.invalid,
    next: `mend the problems above, commit, then ${pushAgain(words)}`,
  };
}

const SHOWN = 3;

/** What somebody has suspended waits for them, and holds back nothing else. */
function blockedBy({ changes }: Plan, { words }: Push): Refusal | undefined {
  const blocked = changes.filter((change) => change.blocked !== undefined && change.blocked.code !== "SUSPENDED");
  if (blocked.length === 0) return undefined;
  const more = blocked.length > SHOWN ? [`and ${blocked.length - SHOWN} more`] : [];
  return {
    code: "PLAN_BLOCKED",
    message: `a guard blocks ${[...blocked.slice(0, SHOWN).map(blockedText), ...more].join("; ")}`,
    exitCode: EXIT.blocked,
    next: `countwheel explain ${blocked[0]?.blocked?.code ?? ""}, take out of the commit what is blocked, then ${pushAgain(words)}`,
  };
}

function blockedText(change: Change): string {
  return `${displayAddress(change)} (${change.blocked?.code}: ${change.blocked?.message})`;
}

function held(hold: Hold, push: Push): Refusal {
  const { words, hook } = push;
  const again = pushAgain(words);
  const blocked = { exitCode: EXIT.blocked };
  if (isPeoplesHold(hold)) {
    const code = { suspended: "SUSPENDED", "rolled-back": "ROLLED_BACK", frozen: "ENVIRONMENT_FROZEN" }[hold.why];
    const lift = hold.why === "frozen" ? "wait for its end" : `countwheel resume${envWords(hook.env)}`;
    return { ...blocked, code, message: peoplesHoldText(hold), next: `${lift}, then ${again}` };
  }
  switch (hold.why) {
    case "confirm": {
      const word = confirmWord(hook.env, hold.prunes, push.isOneOfSeveral);
      return { ...blocked, code: "PRUNES_NOT_CONFIRMED", message: hold.because, next: pushAgain(words, word) };
    }
    case "history":
      return { ...blocked, code: "HISTORY_HELD", message: historyText(hold), next: historyNext(hold, push) };
    case "signature":
      return { ...blocked, code: "NOT_SIGNED", message: hold.message, next: `sign it, then ${again}` };
    case "blocked":
      return {
        ...blocked,
        code: "PLAN_BLOCKED",
        message: `every change is blocked: ${hold.message}`,
        next: `take out of the commit what is blocked, then ${again}`,
      };
    case "lineage":
      return {
        ...blocked,
        code: "STATE_REPLACED",
        message: replacedText(hold),
        next: `countwheel history${envWords(hook.env)} on the server of the repository, then ${again}`,
      };
    case "gate":
      return {
        ...blocked,
        code: "APPLY_NOT_RELEASED",
        message:
          "this environment waits for a person before each apply (gate), and a push that comes in is applied at once",
        next: "countwheel explain APPLY_NOT_RELEASED",
      };
    case "unshown":
      return { ...blocked, code: "PLAN_STALE", message: hold.message, next: applyCommand(push) };
  }
}

function historyText({ history, from, to }: HistoryHold): string {
  const what = history === "unrelated" ? "an unrelated history" : "a rewritten history";
  return `the branch has ${what}: ${to ?? "nothing"} does not follow ${from ?? "nothing"}, which was applied last`;
}

function historyNext({ mode, history }: HistoryHold, { words }: Push): string {
  if (mode === "block")
    return "put your commits upon the branch: this environment takes no rewritten one (history: block)";
  return `if this is meant, ${pushAgain(words, historyWord(history))}`;
}

/** For whoever has the repository and the Redis at hand: what the hook would have done. */
export function applyCommand({ hook, update, gitDir, home }: Push): string {
  const path = hook.path === null ? "" : ` --path ${shellWord(hook.path)}`;
  const config = hook.config === null ? "" : ` --config ${shellWord(hook.config)}`;
  const ref = update.ref.replace(/^refs\/heads\//, "");
  const state = hook.redis === null ? "" : ` --redis ${shellWord(hook.redis)}`;
  const source = `--repo ${shellWord(gitDir)} --ref ${shellWord(ref)}${path}${config}`;
  return `COUNTWHEEL_HOME=${shellWord(home)} countwheel apply ${source}${state}${envWords(hook.env)}`;
}
