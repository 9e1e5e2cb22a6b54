// The commands that a comment on a pull request may hold, and how they are read: one, on the first line, by an exact grammar.
// Whatever is quoted, fenced, hidden or anything else but exactly a command does nothing. Pure.
import { closest } from "fastest-levenshtein";
import { showUnseen } from "../../plan/inert.ts";

export type PageCommand =
  | { readonly verb: "plan" }
  | { readonly verb: "apply" }
  | { readonly verb: "help" }
  | { readonly verb: "preview" }
  | { readonly verb: "confirm"; readonly prunes: number }
  | { readonly verb: "approve"; readonly approval: string }
  | { readonly verb: "deny"; readonly approval: string; readonly reason: string | null }
  | { readonly verb: "rollback"; readonly serial: number };

export type ParsedComment =
  /** It is no command of ours. */
  | { readonly outcome: "none" }
  /** `env` null: of the environments that have shown a plan there. */
  | { readonly outcome: "command"; readonly command: PageCommand; readonly env: string | null; readonly text: string }
  /** Meant for us, and not understood. */
  | { readonly outcome: "wrong"; readonly why: string; readonly text: string };

const PREFIX = "/countwheel";
const LINE_LENGTH = 1_000;
const REASON_LENGTH = 500;

/** What `help` tells. */
export const USAGE: readonly string[] = [
  "/countwheel plan",
  "/countwheel apply",
  "/countwheel confirm N",
  "/countwheel approve ID",
  "/countwheel deny ID [reason]",
  "/countwheel rollback N",
  "/countwheel preview",
];

export function isMeantForUs(body: string): boolean {
  return body.startsWith(PREFIX) && /^(\s|$)/.test(body.slice(PREFIX.length));
}

export function parseComment(body: string): ParsedComment {
  if (!isMeantForUs(body)) return { outcome: "none" };
  const [first = "", ...rest] = body.split(/\r\n|\n|\r/);
  const text = first.slice(0, LINE_LENGTH);
  const wrong = (why: string): ParsedComment => ({ outcome: "wrong", why, text });
  if (first.length > LINE_LENGTH) return wrong("the command is too long");
  if (showUnseen(first) !== first || first.includes("\t"))
    return wrong("the command has characters that cannot be seen: type it anew");
  if (rest.some((line) => line.trimStart().startsWith(PREFIX))) return wrong("one command a comment");
  const words = first
    .slice(PREFIX.length)
    .split(" ")
    .filter((word) => word !== "");
  const { env, left } = takeEnvironment(words);
  if (env === undefined) return wrong("`--env` needs the name of an environment");
  const command = commandOf(left);
  return typeof command === "string" ? wrong(command) : { outcome: "command", command, env, text };
}

/** `--env NAME` right behind `/countwheel`, so that no reason can hold it. */
function takeEnvironment(words: readonly string[]): { readonly env?: string | null; readonly left: readonly string[] } {
  if (words[0] !== "--env") return { env: null, left: words };
  const [, name, ...left] = words;
  return name !== undefined && NAME.test(name) ? { env: name, left } : { left: words };
}

const NAME = /^[\w.-]{1,253}$/;
const COUNT = /^[1-9]\d{0,8}$/;
/** `task.id`, `namespace/task.id` or `id`. */
const APPROVAL = /^[\w.-]{1,253}(\/[\w.-]{1,265})?$/;

const VERBS: readonly string[] = ["plan", "apply", "help", "confirm", "approve", "deny", "rollback", "preview"];

/** Text: what is wrong with it. */
function commandOf([verb = "help", ...words]: readonly string[]): PageCommand | string {
  const [first = "", ...more] = words;
  switch (verb) {
    case "plan":
    case "apply":
    case "help":
    case "preview":
      return words.length === 0 ? { verb } : `\`${verb}\` takes nothing more`;
    case "confirm":
      return COUNT.test(first) && more.length === 0
        ? { verb, prunes: Number(first) }
        : "`confirm` takes the exact number of prunes";
    case "rollback":
      return COUNT.test(first) && more.length === 0
        ? { verb, serial: Number(first) }
        : "`rollback` takes the number of an apply, as `countwheel history` lists them";
    case "approve":
      return APPROVAL.test(first) && more.length === 0
        ? { verb, approval: first }
        : "`approve` takes one approval's id";
    case "deny":
      return denialOf(first, more.join(" "));
    default:
      return `there is no \`${verb.slice(0, 40)}\`; did you mean \`${closest(verb.slice(0, 40), VERBS)}\`?`;
  }
}

function denialOf(approval: string, reason: string): PageCommand | string {
  if (!APPROVAL.test(approval)) return "`deny` takes one approval's id, and a reason if you like";
  if (reason.length > REASON_LENGTH) return `a reason has ${REASON_LENGTH} characters at most`;
  return { verb: "deny", approval, reason: reason === "" ? null : reason };
}
