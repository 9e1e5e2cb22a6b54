// Makes a CLI tool's argument list of its templates and a call's JSON input. Pure; no shell ever reads it.
import { type Piece, parseArgumentTemplate, renderPieces } from "../../../contracts/argument-template.ts";

export type Argv =
  | { readonly outcome: "argv"; readonly args: readonly string[] }
  /** The model's arguments cannot be given to the command: it may read why and mend them. */
  | { readonly outcome: "refused"; readonly why: string }
  /** A person has to mend the manifest. */
  | { readonly outcome: "invalid"; readonly why: string };

/** What Linux takes as one argument, its end included. */
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;

/** One template is one argument, cut of white space at its ends; one that comes to nothing is left out. */
export function makeArgv(templates: readonly string[], input: Readonly<Record<string, unknown>>): Argv {
  const args: string[] = [];
  let optionsEnded = false;
  for (const [index, template] of templates.entries()) {
    const parsed = parseArgumentTemplate(template);
    if (parsed.outcome === "problem") return { outcome: "invalid", why: `\`cli.args[${index}]\`: ${parsed.problem}` };
    const pieces = renderPieces(parsed.nodes, input);
    const text = joined(pieces);
    if (text === "") continue;
    const why = whyNot(pieces, text, optionsEnded);
    if (why !== undefined) return { outcome: "refused", why };
    args.push(text);
    optionsEnded ||= text === "--" && pieces.every(({ path }) => path === undefined);
  }
  return { outcome: "argv", args };
}

function joined(pieces: readonly Piece[]): string {
  return pieces
    .map(({ text }) => text)
    .join("")
    .trim();
}

/** A text that the model wrote must not become an option of the command: `--output=/etc/passwd` is no search term. */
function whyNot(pieces: readonly Piece[], text: string, optionsEnded: boolean): string | undefined {
  const first = pieces.find((piece) => piece.text.trim() !== "");
  if (!optionsEnded && text.startsWith("-") && first?.isText === true) {
    return `\`${first.path}\` begins with \`-\`, and the command would take it for an option`;
  }
  const from = pieces.flatMap(({ path }) => (path === undefined ? [] : [`\`${path}\``])).join(", ");
  if (text.includes("\0")) return `${from} contains a NUL character, which no command can be given`;
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_ARGUMENT_BYTES)
    return `${from} is ${bytes} bytes long, and an argument has ${MAX_ARGUMENT_BYTES} at most`;
  return undefined;
}
