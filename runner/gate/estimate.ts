// How many tokens are reserved for a model call before it is made.
import type { ModelRequest } from "../models/model.ts";

/** Marks around each message and each tool. */
const TOKENS_PER_PART = 8;

/** System prompt, messages, tool and output schemas, what the provider adds by itself, and the longest possible answer. */
export function estimateTokens(
  { system, messages, tools, outputSchema, maxOutputTokens }: ModelRequest,
  toolPromptTokens = 0,
): number {
  const schema = outputSchema === undefined ? "" : JSON.stringify(outputSchema);
  const text = system + schema + JSON.stringify(messages) + JSON.stringify(tools);
  const parts = (messages.length + tools.length) * TOKENS_PER_PART;
  return textTokens(text) + parts + (tools.length > 0 ? toolPromptTokens : 0) + maxOutputTokens;
}

/**
 * Tokens a character, above what tokenizers make of it: words come to four or five letters a token, figures and marks to
 * one or two, other scripts to two or three tokens a character. Better a call too few than a ceiling broken.
 */
const WEIGHT = { space: 0.25, letter: 1 / 3, digit: 0.75, mark: 1, wide: 2 / 3 } as const;
/** Keys, hashes and encoded data, of which tokenizers know no words. */
const DENSE = /[\w+/=-]{20,}/g;
const DENSE_WEIGHT = 0.35;

function textTokens(text: string): number {
  const counts = { space: 0, letter: 0, digit: 0, mark: 0 };
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 128) continue;
    const lower = code | 32;
    if (lower >= 97 && lower <= 122) counts.letter += 1;
    else if (code <= 32) counts.space += 1;
    else if (code >= 48 && code <= 57) counts.digit += 1;
    else counts.mark += 1;
  }
  const ascii = counts.space + counts.letter + counts.digit + counts.mark;
  const wideBytes = Buffer.byteLength(text, "utf8") - ascii;
  const dense = (text.match(DENSE) ?? []).filter((run) => /\d/.test(run)).reduce((sum, run) => sum + run.length, 0);
  return Math.ceil(
    counts.space * WEIGHT.space +
      counts.letter * WEIGHT.letter +
      counts.digit * WEIGHT.digit +
      counts.mark * WEIGHT.mark +
      wideBytes * WEIGHT.wide +
      dense * DENSE_WEIGHT,
  );
}
