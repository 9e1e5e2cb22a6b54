// `sql`: what a statement can do, told from its words. Not a parser: whatever it cannot be sure of, it does not let pass.
import { type Answer, answerOf } from "../answer.ts";
import { type CompileWord, refuse } from "../matcher.ts";
import { ofText, readTexts } from "./texts.ts";

const CLASSES = ["select", "insert", "update", "delete", "ddl", "admin"] as const;
type SqlClass = (typeof CLASSES)[number];

const WORDS: Readonly<Record<SqlClass, readonly string[]>> = {
  select: ["select", "values", "table", "show", "with", "describe", "desc"],
  insert: ["insert", "replace", "merge", "upsert", "into", "copy", "import", "load"],
  update: ["update", "merge", "upsert"],
  delete: ["delete", "truncate", "merge"],
  ddl: ["create", "alter", "drop", "rename", "comment", "reindex", "refresh", "truncate"],
  admin: [
    "grant",
    "revoke",
    "set",
    "reset",
    "call",
    "do",
    "exec",
    "execute",
    "prepare",
    "deallocate",
    "lock",
    "unlock",
    "vacuum",
    "analyze",
    "attach",
    "detach",
    "pragma",
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "listen",
    "notify",
    "declare",
    "handler",
    "kill",
    "shutdown",
    "use",
    "explain",
    "cluster",
    "checkpoint",
    "discard",
    "install",
    "outfile",
    "dumpfile",
    "load_file",
    "load_extension",
    "xp_cmdshell",
    "dblink",
    "pg_read_file",
    "lo_import",
  ],
};

const CLASSES_BY_WORD: ReadonlyMap<string, readonly SqlClass[]> = new Map(
  [...new Set(CLASSES.flatMap((name) => WORDS[name]))].map((word) => [
    word,
    CLASSES.filter((name) => WORDS[name].includes(word)),
  ]),
);

const MAX_SQL = 16_384;
/** Each may be a word of its own. */
const STEPS_PER_CHARACTER = 6;

/** `select`, or a list of classes: the one statement may use words of these classes only, at any depth. */
export const sql: CompileWord = (wanted, rule, errors) => {
  const words = readTexts(wanted);
  const allowed = CLASSES.filter((name) => words?.includes(name));
  if (words === undefined || allowed.length < new Set(words).size) {
    return refuse(errors, rule, `is none of ${CLASSES.join(", ")}`);
  }
  return {
    text: `one SQL statement (${allowed.join(", ")})`,
    holds: (value, { work }) =>
      ofText(value, (text) => (work.spend(STEPS_PER_CHARACTER * text.length) ? judge(text, allowed) : "unsure")),
  };
};

/** A column that is called like a statement (`update`) counts as one: quote it. Functions may do anything; roles bound them. */
function judge(text: string, allowed: readonly SqlClass[]): Answer {
  const words = text.length > MAX_SQL ? undefined : readWords(text);
  if (words === undefined) return "unsure";
  const [first] = words;
  if (first === undefined || !CLASSES_BY_WORD.has(first)) return "no";
  return answerOf(words.every((word) => isAllowed(word, allowed)));
}

function isAllowed(word: string, allowed: readonly SqlClass[]): boolean {
  const classes = CLASSES_BY_WORD.get(word);
  return classes === undefined || classes.every((name) => allowed.includes(name));
}

/** Strings, quoted names, comments, what begins or ends one that cannot be read whole, words; else single characters. */
const TOKEN =
  /'(?:[^'\\]|'')*'|"(?:[^"\\]|"")*"|`(?:[^`\\]|``)*`|--[^\n]*|\/\*(?![!+])(?:[^*/]|\*(?!\/)|\/(?!\*))*\*\/|\/\*|\*\/|[a-z_][a-z0-9_$]*|[\s\S]/gi;

/**
 * undefined: nobody can tell. Servers differ about backslashes in strings, `$$` quotes, comments that are nested or
 * carried out, `#`, and quotes that never end; a second statement is never what a rule about one allowed.
 */
function readWords(text: string): string[] | undefined {
  const words: string[] = [];
  let isOver = false;
  for (const [token] of text.matchAll(TOKEN)) {
    if (/^\s$|^--|^\/\*./.test(token)) continue;
    if (isOver || /^(['"`\\#$\p{Cc}]|\/\*|\*\/)$/u.test(token)) return undefined;
    if (token === ";") isOver = true;
    else if (/^[a-z_]/i.test(token)) words.push(token.toLowerCase());
  }
  return words;
}
