// What a command from a pull request does: may this person say it now, is it about what they saw, and then exactly that.
import { type Identity, identityText } from "../../../contracts/approval.ts";
import type { EnvironmentSettings } from "../../../contracts/environment.ts";
import type { Redis } from "../../../store/connect.ts";
import { writePreviewWord } from "../../../store/previews.ts";
import { writeApplyWord, writePruneWord } from "../../../store/prune-words.ts";
import type { PullNote } from "../../../store/pull-notes.ts";
import { readHead } from "../../../store/state.ts";
import type { Github } from "../github.ts";
import { type PageCommand, USAGE } from "./grammar.ts";

/** `message`: a sentence, what others wrote in backticks. */
export interface Carried {
  readonly outcome: "done" | "refused";
  readonly message: string;
}

export interface ApprovalAnswer {
  readonly approval: string;
  readonly said: "approved" | "denied";
  readonly by: Identity;
  readonly reason: string | null;
  /** May write to the repository: enough where the policy names nobody. */
  readonly mayWrite: boolean;
}

/** What commands do beyond the report. */
export interface Hands {
  /** Wakes the reconcile loop. */
  lookAgain(): void;
  answerApproval(answer: ApprovalAnswer): Promise<Carried>;
  rollBack(serial: number, by: Identity): Promise<Carried>;
  /** Who a user of this GitHub is. */
  identityOf(user: { readonly login: string; readonly id: number }): Identity;
}

export interface CommandGround {
  readonly redis: Redis;
  readonly env: string;
  readonly github: Pick<Github, "mayWrite" | "findPull">;
  readonly hands: Hands;
  /** Default: nothing waits for a release. */
  readonly settings?: Pick<EnvironmentSettings, "gate">;
  readonly now: () => Date;
  /** Makes the pull request be planned again. */
  readonly planAnew: (pull: number) => void;
}

export interface Spoken {
  readonly command: PageCommand;
  readonly pull: number;
  /** By GitHub's clock; null: what they saw is known otherwise. */
  readonly writtenAt: string | null;
  readonly by: Identity;
  readonly login: string;
  readonly note: PullNote;
}

const done = (message: string): Carried => ({ outcome: "done", message });
const refused = (message: string): Carried => ({ outcome: "refused", message });

export async function carryOutCommand(ground: CommandGround, spoken: Spoken): Promise<Carried> {
  const { command, by, login } = spoken;
  const { hands, github } = ground;
  const mayWrite = await github.mayWrite(login);
  switch (command.verb) {
    case "approve":
    case "deny": {
      const said = command.verb === "approve" ? "approved" : "denied";
      const reason = command.verb === "deny" ? command.reason : null;
      return await hands.answerApproval({ approval: command.approval, said, by, reason, mayWrite });
    }
    case "help":
      return mayWrite ? done(USAGE.map((line) => `\`${line}\``).join(", ")) : refusedFor(login);
    case "rollback":
      return mayWrite ? await hands.rollBack(command.serial, by) : refusedFor(login);
    case "plan":
    case "apply":
    case "confirm":
    case "preview":
      return mayWrite ? await onPull(ground, spoken, command) : refusedFor(login);
  }
}

function refusedFor(login: string): Carried {
  return refused(`\`${login}\` may not write to this repository`);
}

type PullCommand = Extract<PageCommand, { readonly verb: "plan" | "apply" | "confirm" | "preview" }>;

async function onPull(ground: CommandGround, spoken: Spoken, command: PullCommand): Promise<Carried> {
  const { hands, github, planAnew } = ground;
  const number = spoken.pull;
  const live = await github.findPull(number);
  if (live === undefined || (!live.open && !live.merged)) return refused("the pull request is closed");
  if (command.verb === "plan") {
    if (!live.open) return refused("it is merged: what was applied of it is in the history");
    planAnew(number);
    return done("planned again");
  }
  if (command.verb === "preview") return await sayPreview(ground, spoken, live);
  const moved = await findMoved(ground, spoken, live);
  if (moved !== undefined) return refused(`${moved}: look at the plan that stands here, and say it again`);
  if (command.verb === "confirm") return await confirm(ground, spoken, command.prunes, live.merged);
  if (live.open) return refused(`nothing is applied before it is merged: ${afterMerge(ground)}`);
  return ground.settings?.gate === "person" ? await release(ground, spoken) : lookAgain(hands);
}

function afterMerge({ settings }: CommandGround): string {
  return settings?.gate === "person" ? "say it again then" : "merging applies exactly this plan";
}

function lookAgain(hands: Hands): Carried {
  hands.lookAgain();
  return done("the branch is looked at now, and applied if nothing holds it");
}

async function release({ redis, env, now, hands }: CommandGround, { note, pull, by }: Spoken): Promise<Carried> {
  const { shown } = note;
  if (shown === null || shown.changes === null || shown.changes.count === 0)
    return refused("the plan that stands here changes nothing");
  const { count: changes, digest } = shown.changes;
  const word = { changes, by: identityText(by), pullRequest: pull, head: shown.head, at: now().toISOString() };
  await writeApplyWord(redis, env, digest, word);
  hands.lookAgain();
  return done(
    `exactly the changes of the plan that stands here (${changes}) are released for a week: the branch is looked at now, and applied if it brings nothing else`,
  );
}

interface LivePull {
  readonly headSha: string;
  readonly open: boolean;
}

/** Good for exactly the head whose plan they saw. */
async function sayPreview({ redis, env }: CommandGround, spoken: Spoken, live: LivePull): Promise<Carried> {
  if (!live.open) return refused("it is merged: there is nothing left to preview");
  const moved = findOtherHead(spoken, live);
  if (moved !== undefined) return refused(`${moved}: look at the plan that stands here, and say it again`);
  await writePreviewWord(redis, env, spoken.pull, { head: live.headSha, by: identityText(spoken.by) });
  return done(
    `what is marked for it runs with \`${live.headSha.slice(0, 7)}\` once it is its turn; the check tells what became of it`,
  );
}

/** What is otherwise than it was when they wrote; undefined: they saw the plan that counts. */
async function findMoved({ redis, env }: CommandGround, spoken: Spoken, live: LivePull): Promise<string | undefined> {
  const { shown } = spoken.note;
  const moved = findOtherHead(spoken, live);
  if (moved !== undefined || shown === null) return moved;
  // Once it is merged the state may move on; what is confirmed is bound to the records themselves.
  if (!live.open) return undefined;
  const head = await readHead(redis, env);
  const isSame = (head?.serial ?? 0) === shown.serial && (head?.lineage ?? "") === shown.lineage;
  return isSame ? undefined : `the state moved from #${shown.serial} to #${head?.serial ?? 0}`;
}

function findOtherHead({ note: { shown, planning }, writtenAt }: Spoken, live: LivePull): string | undefined {
  if (planning !== null) return `\`${planning.slice(0, 7)}\` is being planned`;
  if (shown === null) return "there is no plan yet";
  if (live.headSha !== shown.head)
    return `the head moved from \`${shown.head.slice(0, 7)}\` to \`${live.headSha.slice(0, 7)}\``;
  // GitHub's clock counts seconds: within one nobody has read a plan and answered.
  if (writtenAt !== null && Date.parse(writtenAt) <= Date.parse(shown.since))
    return "another plan stood here when this was written";
  return undefined;
}

async function confirm(
  { redis, env, now, hands }: CommandGround,
  { note, pull, by }: Spoken,
  prunes: number,
  merged: boolean,
): Promise<Carried> {
  const { shown } = note;
  if (shown === null || shown.confirm === null) return refused("this plan waits for no confirmation");
  if (shown.confirm.prunes !== prunes) return refused(`the plan prunes ${shown.confirm.prunes}, not ${prunes}`);
  const word = { prunes, by: identityText(by), pullRequest: pull, head: shown.head, at: now().toISOString() };
  await writePruneWord(redis, env, shown.confirm.digest, word);
  if (merged) hands.lookAgain();
  return done(
    `exactly these ${prunes} prunes are confirmed for a week; ${merged ? "the branch is looked at now" : "merging applies them"}`,
  );
}
