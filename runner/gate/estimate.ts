// How many tokens are reserved for a model call before it is made.
import type { ModelRequest } from "../models/model.ts";

/**
 * Tokenizers make about four bytes of English into a token, fewer of other scripts and of JSON; three keeps the estimate
 * above what providers report, short of exotic input. Better a call too few than a ceiling broken.
 */
const BYTES_PER_TOKEN = 3;

/** UTF-8 bytes of system prompt, messages and tool schemas by three, rounded up, plus the longest possible answer. */
export function estimateTokens({ system, messages, tools, maxOutputTokens }: ModelRequest): number {
  const text = system + JSON.stringify(messages) + JSON.stringify(tools);
  return Math.ceil(Buffer.byteLength(text, "utf8") / BYTES_PER_TOKEN) + maxOutputTokens;
}
