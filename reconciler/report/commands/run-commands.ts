// Looks for commands in the comments of pull requests, carries each out once, and answers with a reaction and a line in our
// comment. A webhook only says that there is something to look for: nothing of its payload is believed.
import { identityText } from "../../../contracts/approval.ts";
import { PermanentFailure } from "../../../contracts/failure.ts";
import { appendAudit } from "../../../store/audit-log.ts";
import { isCarriedOut, noteCarriedOut, readCommandCursor, writeCommandCursor } from "../../../store/page-commands.ts";
import { findPullNote, type NotedCommand, type PullNote, writePullNote } from "../../../store/pull-notes.ts";
import type { Reaction, SpokenComment } from "../github/comments.ts";
import type { Github } from "../github.ts";
import { type CommandGround, carryOutCommand } from "./carry-out.ts";
import { addLine, replaceCommands } from "./command-lines.ts";
import { isMeantForUs, type ParsedComment, parseComment } from "./grammar.ts";

export interface CommandDesk extends CommandGround {
  readonly github: Pick<
    Github,
    "mayWrite" | "findPull" | "listCommentsSince" | "readComment" | "updateComment" | "react"
  >;
  /** One line for the operator. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What waited longer was said about another world. */
export const LONGEST_WAIT_MS = 60 * 60_000;
/** Before the first look of all: those who started the reconciler may have written just before. */
const FIRST_LOOK_MS = 60_000;
/** Of one look; the next one takes the rest. */
const COMMANDS = 20;

/** Answers how many were carried out or refused. */
export async function runCommands(desk: CommandDesk): Promise<number> {
  const { redis, env, github, signal } = desk;
  let count = 0;
  let read: string | undefined;
  for await (const comment of github.listCommentsSince(await sinceWhen(desk))) {
    if (signal.aborted || count >= COMMANDS) break;
    if (await runComment(desk, comment)) count += 1;
    read = comment.updatedAt;
  }
  if (read !== undefined) await writeCommandCursor(redis, env, read);
  return count;
}

/** Comments of the cursor's own second come again, and are known. */
async function sinceWhen({ redis, env, now }: CommandDesk): Promise<string> {
  const cursor = await readCommandCursor(redis, env);
  const nowMs = now().getTime();
  const sinceMs = cursor === null ? nowMs - FIRST_LOOK_MS : Math.max(Date.parse(cursor), nowMs - LONGEST_WAIT_MS);
  const since = `${new Date(sinceMs).toISOString().slice(0, 19)}Z`;
  if (cursor === null) await writeCommandCursor(redis, env, since);
  return since;
}

/** Done is noted last: whoever dies in between does it again, which comes to the same. */
async function runComment(desk: CommandDesk, comment: SpokenComment): Promise<boolean> {
  const { redis, env, now } = desk;
  const { person, body, createdAt, updatedAt, id } = comment;
  // Bots and Apps, ourselves among them, command nothing; nor does what was edited after people had read it.
  if (person === null || createdAt !== updatedAt || !isMeantForUs(body)) return false;
  if (await isCarriedOut(redis, env, id)) return false;
  const note = await findPullNote(redis, env, comment.pull);
  const parsed = parseComment(body);
  if (note?.comment == null || parsed.outcome === "none" || !isOurs(parsed, env)) return false;
  const line = await answer(desk, { comment, person, note, parsed });
  await tellAudit(desk, comment, line);
  await unlessGone(desk, () => show(desk, comment, line));
  await noteCarriedOut(redis, env, id, now().getTime());
  return true;
}

function isOurs(parsed: ParsedComment, env: string): boolean {
  return parsed.outcome !== "command" || parsed.env === null || parsed.env === env;
}

interface Heard {
  readonly comment: SpokenComment;
  readonly person: NonNullable<SpokenComment["person"]>;
  readonly note: PullNote;
  readonly parsed: Exclude<ParsedComment, { readonly outcome: "none" }>;
}

async function answer(desk: CommandDesk, { comment, person, note, parsed }: Heard): Promise<NotedCommand> {
  const by = desk.hands.identityOf(person);
  const head = { comment: comment.id, by: identityText(by), text: parsed.text };
  if (parsed.outcome === "wrong") return { ...head, outcome: "confused", message: `${parsed.why}; nothing was done` };
  const { command } = parsed;
  return {
    ...head,
    ...(await carryOutCommand(desk, {
      command,
      pull: comment.pull,
      writtenAt: comment.createdAt,
      by,
      login: person.login,
      note,
    })),
  };
}

async function tellAudit({ redis, env }: CommandDesk, { id, pull }: SpokenComment, line: NotedCommand): Promise<void> {
  const { by, text, outcome, message } = line;
  const facts = { kind: "command" as const, by, command: text, pullRequest: pull, comment: id, outcome, message };
  await appendAudit(redis, env, [{ once: `command ${id}`, facts }]);
}

const REACTIONS: Readonly<Record<NotedCommand["outcome"], Reaction>> = {
  done: "+1",
  refused: "-1",
  confused: "confused",
};

/** Whoever may not write to the repository gets a reaction, and no line in our comment. */
async function show(desk: CommandDesk, { id, pull, person }: SpokenComment, line: NotedCommand): Promise<void> {
  await desk.github.react(id, REACTIONS[line.outcome]);
  if (person !== null) await tellInComment(desk, { pull, login: person.login }, line);
}

export async function tellInComment(
  { redis, env, github }: CommandDesk,
  { pull, login }: { readonly pull: number; readonly login: string },
  line: NotedCommand,
): Promise<void> {
  const note = await findPullNote(redis, env, pull);
  if (note?.comment == null) return;
  if (line.outcome !== "done" && !(await github.mayWrite(login))) return;
  const commands = addLine(note.commands, line);
  await writePullNote(redis, env, pull, { ...note, commands });
  const { body } = await github.readComment(note.comment.id);
  await github.updateComment(note.comment.id, replaceCommands(body, commands));
}

/** A comment that was deleted meanwhile, or a conversation that was locked, takes no answer. */
export async function unlessGone({ say }: CommandDesk, tell: () => Promise<void>): Promise<void> {
  try {
    await tell();
  } catch (error) {
    if (!(error instanceof PermanentFailure) || error.code === "GITHUB_AUTH") throw error;
    say(`a command was not answered on GitHub: ${error.message}`);
  }
}
