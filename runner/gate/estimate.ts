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
 * Twelfths of a token a byte of UTF-8, above what tokenizers make of it: words come to four or five letters a token,
 * figures and marks to one or two, other scripts to two or three tokens a character. Better a call too few than a ceiling
 * broken.
 */
const TWELFTHS = { space: 3, letter: 4, digit: 9, mark: 12, wide: 8 } as const;
/** Keys, hashes and encoded data, of which tokenizers know no words: runs of so many characters, with a digit in them. */
const DENSE_RUN = 20;
const DENSE_TWELFTHS = 4.2;

const EVERY_BYTE = Array.from({ length: 256 }, (_, byte) => byte);
const WEIGHTS = Uint8Array.from(EVERY_BYTE, (byte) => TWELFTHS[kindOf(byte)]);
const IS_DENSE = Uint8Array.from(EVERY_BYTE, (byte) => (/[\w+/=-]/.test(String.fromCharCode(byte)) ? 1 : 0));

function kindOf(byte: number): keyof typeof TWELFTHS {
  if (byte >= 128) return "wide";
  if (byte <= 32) return "space";
  const character = String.fromCharCode(byte);
  if (/[a-z]/i.test(character)) return "letter";
  return /\d/.test(character) ? "digit" : "mark";
}

/** Over bytes, for they all look the same to V8: texts are of many makings, and each look at a character is looked up anew. */
function textTokens(text: string): number {
  let twelfths = 0;
  let dense = 0;
  let run = 0;
  let hasDigit = false;
  for (const byte of Buffer.from(`${text} `, "utf8")) {
    const weight = WEIGHTS[byte] ?? 0;
    twelfths += weight;
    if (IS_DENSE[byte] === 1) {
      run += 1;
      hasDigit ||= weight === TWELFTHS.digit;
    } else if (run > 0) {
      if (run >= DENSE_RUN && hasDigit) dense += run;
      run = 0;
      hasDigit = false;
    }
  }
  return Math.ceil((twelfths - TWELFTHS.space + dense * DENSE_TWELFTHS) / 12);
}
