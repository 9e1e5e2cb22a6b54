// How many tokens are reserved for a model call before it is made.
import type { ModelRequest } from "../models/model.ts";

/**
 * Tokenizers make about four bytes of English into a token, fewer of code and JSON; three keeps the estimate above what
 * providers report. Of other scripts they need more: up to two tokens a Chinese character, three an emoji. Better a call
 * too few than a ceiling broken.
 */
const BYTES_PER_TOKEN = 3;
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

/** What is more than one byte a character counts three times, since at most two thirds of its bytes are such a surplus. */
function textTokens(text: string): number {
  const bytes = Buffer.byteLength(text, "utf8");
  return Math.ceil((bytes + 2 * (bytes - text.length)) / BYTES_PER_TOKEN);
}
