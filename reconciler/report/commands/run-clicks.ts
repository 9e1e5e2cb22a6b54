// Carries out the buttons that people pressed on the check of a plan or of an approval. That somebody pressed one is known from the webhook
// alone, which GitHub signed; what they may do is asked of GitHub, and what they saw is compared with what is shown.
import { identityText } from "../../../contracts/approval.ts";
import { appendAudit } from "../../../store/audit-log.ts";
import { type Click, dropClick, readClicks } from "../../../store/page-clicks.ts";
import { isCarriedOut, noteCarriedOut } from "../../../store/page-commands.ts";
import { type NotedCommand, type PullNote, readPullNotes } from "../../../store/pull-notes.ts";
import { planCheckSubject } from "../plan-check.ts";
import { commandOfButton } from "./buttons.ts";
import { type Carried, carryOutCommand } from "./carry-out.ts";
import type { PageCommand } from "./grammar.ts";
import { type ClickDesk, isApprovalClick, runApprovalClick } from "./run-approval-click.ts";
import { type CommandDesk, LONGEST_WAIT_MS, tellInComment, unlessGone } from "./run-commands.ts";

/** Answers how many were carried out or refused. */
export async function runClicks(desk: ClickDesk): Promise<number> {
  const { redis, env, now, signal } = desk;
  let count = 0;
  for (const { key, click, atMs } of await readClicks(redis, env)) {
    if (signal.aborted) break;
    const isOld = now().getTime() - atMs > LONGEST_WAIT_MS;
    if (click !== undefined && !isOld && (await runEither(desk, { key, atMs }, click))) count += 1;
    await dropClick(redis, env, key);
  }
  return count;
}

interface Press {
  readonly key: string;
  readonly atMs: number;
}

function runEither(desk: ClickDesk, press: Press, click: Click): Promise<boolean> {
  if (isApprovalClick(desk.env, click)) return runApprovalClick(desk, click, onceOf(press));
  return runClick(desk, press, click);
}

function onceOf({ key, atMs }: Press): string {
  return `click ${key} ${atMs}`;
}

/** Done is noted last, as with comments. */
async function runClick(desk: CommandDesk, press: Press, click: Click): Promise<boolean> {
  const { redis, env, say, now } = desk;
  const found = await findNote(desk, click);
  if (found === undefined) {
    say(
      `a button of a plan that stands nowhere any more was pressed by ${JSON.stringify(click.login)}: nothing was done`,
    );
    return false;
  }
  const { pull, note } = found;
  const { key } = press;
  const by = desk.hands.identityOf({ login: click.login, id: click.person });
  const command = note.shown === null ? undefined : commandOfButton(click.button, note.shown);
  const carried = await carryOut(desk, { key, click, pull, note, command });
  const text = buttonText(command);
  const line: NotedCommand = { comment: click.checkRun, by: identityText(by), text, ...carried };
  const facts = { kind: "command" as const, ...factsOf(line), pullRequest: pull, checkRun: click.checkRun };
  await appendAudit(redis, env, [{ once: onceOf(press), facts }]);
  await unlessGone(desk, () => tellInComment(desk, { pull, login: click.login }, line));
  if (isWord(command) && carried.outcome === "done") await noteCarriedOut(redis, env, onceKey(key), now().getTime());
  return true;
}

/** The pull request whose comment shows the very plan that this check told. */
async function findNote({ redis, env }: CommandDesk, { head, externalId }: Click) {
  for (const [pull, note] of await readPullNotes(redis, env)) {
    const { shown } = note;
    if (shown?.head === head && externalId === `${planCheckSubject(env, head).key}:${shown.digest}`)
      return { pull, note };
  }
  return undefined;
}

interface Pressed {
  readonly key: string;
  readonly click: Click;
  readonly pull: number;
  readonly note: PullNote;
  readonly command: PageCommand | undefined;
}

async function carryOut(desk: CommandDesk, { key, click, pull, note, command }: Pressed): Promise<Carried> {
  const { redis, env, hands } = desk;
  if (command === undefined) return { outcome: "refused", message: "this plan has no such button" };
  // A delivery that somebody kept and sends again confirms, or releases, nothing anew.
  if (isWord(command) && (await isCarriedOut(redis, env, onceKey(key)))) {
    const text = command.verb === "confirm" ? `confirm ${command.prunes}` : command.verb;
    return { outcome: "refused", message: `this was pressed before: say \`/countwheel ${text}\`` };
  }
  const by = hands.identityOf({ login: click.login, id: click.person });
  return carryOutCommand(desk, { command, pull, writtenAt: null, by, login: click.login, note });
}

/** What an apply will find and spend. */
function isWord(command: PageCommand | undefined): boolean {
  return command?.verb === "confirm" || command?.verb === "apply";
}

function onceKey(key: string): string {
  return `click:${key}`;
}

function buttonText(command: PageCommand | undefined): string {
  if (command?.verb === "confirm") return `button: confirm ${command.prunes}`;
  return command === undefined ? "button" : `button: ${command.verb}`;
}

function factsOf({ by, text, outcome, message }: NotedCommand) {
  return { by, command: text, outcome, message };
}
