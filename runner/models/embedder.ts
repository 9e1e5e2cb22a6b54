// The one interface behind which every provider of embeddings stands. Nothing but runner/gate may call it.

export interface EmbeddingRequest {
  readonly model: string;
  readonly texts: readonly string[];
}

export interface EmbeddingAnswer {
  /** One for each text, in their order, all of one length. */
  readonly vectors: readonly (readonly number[])[];
  readonly inputTokens: number;
  /** As the provider named it in its answer. */
  readonly model: string;
}

/** Throws as a Model does. Never retries. */
export interface Embedder {
  readonly provider: string;
  embed(request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer>;
}
