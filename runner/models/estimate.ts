// A guess at tokens where a provider reports none: an unreported call must not be free, or budgets would not hold.

/** English text has about four characters a token; other scripts have fewer, so bytes are counted. */
const BYTES_PER_TOKEN = 4;

export function estimateTokens(value: unknown): number {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return Math.ceil(Buffer.byteLength(text, "utf8") / BYTES_PER_TOKEN);
}
