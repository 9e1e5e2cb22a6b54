// Cuts the text of a Lua script into tokens.

export interface Token {
  readonly kind: "name" | "keyword" | "number" | "string" | "op" | "end";
  /** Of a string its value. */
  readonly text: string;
  readonly line: number;
}

const KEYWORDS = new Set(
  "and break do else elseif end false for function if in local nil not or repeat return then true until while".split(
    " ",
  ),
);

const TOKEN =
  /(?<space>\s+|--[^\n]*)|(?<number>0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_]\w*)|(?<string>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|(?<op>\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.])/gy;

export function readTokens(lua: string): readonly Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  for (const match of lua.matchAll(TOKEN)) {
    const [text] = match;
    if (match.index !== at) break;
    at += text.length;
    const token = tokenOf(match.groups ?? {}, text, line);
    if (token !== undefined) tokens.push(token);
    line += text.split("\n").length - 1;
  }
  if (at !== lua.length) throw new SyntaxError(`line ${line} of a script: \`${lua.slice(at, at + 20)}\` is no Lua`);
  return [...tokens, { kind: "end", text: "", line }];
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>, text: string, line: number): Token | undefined {
  if (groups["space"] !== undefined) return undefined;
  if (groups["number"] !== undefined) return { kind: "number", text, line };
  if (groups["name"] !== undefined) return { kind: KEYWORDS.has(text) ? "keyword" : "name", text, line };
  if (groups["string"] !== undefined) return { kind: "string", text: unescape(text.slice(1, -1)), line };
  return { kind: "op", text, line };
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (_match, char: string) => ESCAPES[char] ?? char);
}
