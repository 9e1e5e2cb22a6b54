// Rewrites what YAML refuses and Orloj's line reader accepts, line by line, so that it parses as the text it was meant to be.
// Lines keep their numbers, and on each line everything up to the rewritten value keeps its column.

const LINE = /^(\s*(?:-\s+)*)((?:[\w./-]+|"[^"]*")\s*:\s+)?(\S.*)$/;
const BLOCK_HEADER = /(?:^|\s)[|>][-+0-9]*\s*(?:#.*)?$/;
const COMMENT = /\s+#.*$/;

export function repairText(text: string): string {
  let blockIndent: number | undefined;
  const lines = text.split("\n").map((raw) => {
    const [line, end] = raw.endsWith("\r") ? [raw.slice(0, -1), "\r"] : [raw, ""];
    const indent = line.length - line.trimStart().length;
    // The lines of a block scalar are text already.
    if (blockIndent !== undefined && (line.trim() === "" || indent > blockIndent)) return raw;
    blockIndent = BLOCK_HEADER.test(line) ? indent : undefined;
    return blockIndent === undefined ? repairLine(line, text) + end : raw;
  });
  return lines.join("\n");
}

function repairLine(line: string, text: string): string {
  const escaped = line.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => (hasBadEscape(quoted) ? asTyped(quoted) : quoted));
  const match = LINE.exec(escaped);
  if (match === null) return escaped;
  const [, indent = "", key = "", rest = ""] = match;
  const value = rest.replace(COMMENT, "").trimEnd();
  if (!isRefused(value, key !== "", text)) return escaped;
  return `${indent}${key}'${value.replaceAll("'", "''")}'${rest.slice(value.length)}`;
}

const ESCAPE = /\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0abtnvfre "/\\N_LP\t])/g;

/** `"^\d+$"`: YAML knows no `\d`. Orloj processes no escapes at all, so one such escape tells how the text is meant. */
function hasBadEscape(quoted: string): boolean {
  return badEscapes(quoted) > 0;
}

/** In a text in double quotes. */
export function badEscapes(quoted: string): number {
  return quoted.replace(ESCAPE, "").split("\\").length - 1;
}

function asTyped(quoted: string): string {
  return quoted.replace(/\\(?!")/g, "\\\\");
}

/** A plain text that YAML takes for something else: an alias, a tag, a directive, a template, a second key. */
function isRefused(value: string, hasKey: boolean, text: string): boolean {
  if (value === "" || /^["'[#]/.test(value)) return false;
  if (value.startsWith("{")) return value.startsWith("{{");
  if (/^[%@`!]/.test(value) || /^[|>][^-+0-9\s]/.test(value) || /^&(?:\s|$)/.test(value)) return true;
  if (value.startsWith("*")) return !text.includes(`&${value.slice(1)}`) || value === "*";
  return hasKey && (value.includes(": ") || value.endsWith(":"));
}
