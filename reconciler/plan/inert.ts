// Makes text from manifests harmless where it is shown: in a terminal, in Markdown, in HTML. The only place that does.

/**
 * Control characters (tab and newline apart), bidi controls, zero-width and other ignorable characters, lone surrogates:
 * they can hide or reorder what a person reads, or speak to the terminal. What only shapes an emoji stays.
 */
const SHAPES_EMOJI = "(?<=\\p{ExtPict})\\ufe0f|(?<=[\\p{ExtPict}\\ufe0f])\\u200d(?=\\p{ExtPict})";
const UNSEEN = new RegExp(`(?![\\t\\n]|${SHAPES_EMOJI})[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{DI}]`, "gu");

/** Unseen characters become `\u{…}`; newlines and tabs stay. For code fences and terminals. */
export function showUnseen(text: string): string {
  return text.replace(UNSEEN, (found) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The same on one line: newlines become `⏎`. */
export function oneLine(text: string): string {
  return showUnseen(text.replaceAll("\r\n", "\n")).replaceAll("\n", "⏎").replaceAll("\t", " ");
}

/** At most `limit` characters, never cutting a surrogate pair. */
export function shorten(text: string, limit: number): string {
  const points = Array.from(text);
  return points.length <= limit ? text : `${points.slice(0, limit - 1).join("")}…`;
}

function longestRun(text: string, character: string): number {
  let longest = 0;
  let run = 0;
  for (const next of text) {
    run = next === character ? run + 1 : 0;
    if (run > longest) longest = run;
  }
  return longest;
}

/** Inline code: nothing in it is a mention, a reference or a tag. In a table it needs {@link tableCell} around it. */
export function codeSpan(text: string): string {
  const line = oneLine(text);
  if (line === "") return "` `";
  const fence = "`".repeat(longestRun(line, "`") + 1);
  const padding = line.startsWith("`") || line.endsWith("`") || line.trim() === "" ? " " : "";
  return `${fence}${padding}${line}${padding}${fence}`;
}

/** A fenced block whose fence is longer than any run of backticks inside. */
export function codeBlock(language: string, text: string): string {
  const body = showUnseen(text.replaceAll("\r\n", "\n"));
  const fence = "`".repeat(Math.max(3, longestRun(body, "`") + 1));
  return `${fence}${language}\n${body.endsWith("\n") ? body : `${body}\n`}${fence}`;
}

/** Mentions, references, addresses and links: GitHub finds them in any text, entities or not, but not in code. */
const LINKED = /[@#]|:\/\/|www\.|\bGH-\d/i;
/** An underscore within a word is no emphasis: `model_ref` stays readable in the source, too. */
const SPECIAL = /[\\`*[\]~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g;

/** A sentence of ours with the author's words in backticks: these become code, the rest plain text. */
export function prose(text: string): string {
  const parts = oneLine(text)
    .split(/(`[^`]+`)/)
    .map((part) => (/^`[^`]+`$/.test(part) ? codeSpan(part.slice(1, -1)) : plain(part)));
  return joinSpans(parts);
}

function plain(text: string): string {
  return joinSpans(text.split(/(\s+)/).map((word) => (LINKED.test(word) ? codeSpan(word) : escapeMarkdown(word))));
}

/** Two code spans without a space between them would read as one long fence. */
function joinSpans(parts: readonly string[]): string {
  return parts.reduce(
    (text, part) => (text.endsWith("`") && part.startsWith("`") ? `${text} ${part}` : text + part),
    "",
  );
}

function escapeMarkdown(word: string): string {
  return word
    .replace(SPECIAL, (character) => `\\${character}`)
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}

/**
 * Markdown for a table's cell. GitHub splits a row at every bar that no odd number of backslashes precedes, inside code
 * as well.
 */
export function tableCell(markdown: string): string {
  return markdown.replace(/(\\*)\|/g, (_, slashes: string) => `${slashes}${slashes.length % 2 === 0 ? "" : "\\"}\\|`);
}

/** Text for an HTML element. `@` and `#` are left: it is used inside `<code>` only, where GitHub links nothing. */
export function htmlText(text: string): string {
  return oneLine(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A value in our machine marker: it must not end the comment or begin another field. */
export function markerValue(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, "?")).replaceAll("--", "-%2D");
}
