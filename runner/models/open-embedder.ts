// Chooses the adapter that makes embeddings through a ModelEndpoint.
import { EMBEDDING_PROVIDERS } from "../../contracts/embedding.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { checkedFetch, type ModelNetwork } from "./checked-fetch.ts";
import type { Embedder } from "./embedder.ts";
import { endpointName, type ModelEndpoint } from "./endpoint.ts";
import { openMockEmbedder } from "./mock-embedder.ts";
import { openOpenAIEmbedder } from "./openai/embeddings.ts";

/** Throws PermanentFailure EMBEDDINGS_UNSUPPORTED, or what opening a model throws. */
export async function openEmbedder(endpoint: ModelEndpoint, network: ModelNetwork): Promise<Embedder> {
  const provider = endpoint.spec.provider ?? "openai";
  switch (provider) {
    case "mock":
      return openMockEmbedder();
    case "openai":
    case "azure-openai":
    case "openai-compatible":
    case "ollama":
      return openOpenAIEmbedder(endpoint, provider, await checkedFetch(endpoint, network));
    default:
      throw new PermanentFailure(
        "EMBEDDINGS_UNSUPPORTED",
        `${endpointName(endpoint).label}: provider \`${provider}\` makes no embeddings; ${EMBEDDING_PROVIDERS.join(", ")} do`,
      );
  }
}
