// Vectors without a provider: texts that share words are near to each other, and nothing else is known of them.
import { createHash } from "node:crypto";
import type { Embedder } from "./embedder.ts";
import { estimateTokens } from "./estimate.ts";

const DIMENSIONS = 256;

export function openMockEmbedder(): Embedder {
  return {
    provider: "mock",
    embed: ({ model, texts }, signal) => {
      signal.throwIfAborted();
      return Promise.resolve({ vectors: texts.map(vectorOf), inputTokens: estimateTokens(texts), model });
    },
  };
}

/** Each word counts in a dimension that its hash names. */
function vectorOf(text: string): number[] {
  const vector = Array.from({ length: DIMENSIONS }, () => 0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const at = createHash("sha256").update(word).digest().readUInt16BE(0) % DIMENSIONS;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  return vector;
}
