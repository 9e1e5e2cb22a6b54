// Chooses the adapter of a ModelEndpoint. Adapters load their SDK only here, when a task needs it.
import { PermanentFailure } from "../../contracts/failure.ts";
import { openAnthropic } from "./anthropic/open-anthropic.ts";
import { checkedFetch, type ModelNetwork } from "./checked-fetch.ts";
import { endpointName, type ModelEndpoint } from "./endpoint.ts";
import { openMock } from "./mock.ts";
import type { Model } from "./model.ts";
import { openOpenAI } from "./openai/open-openai.ts";

/** Throws PermanentFailure MODEL_AUTH, MODEL_ENDPOINT_INVALID, MODEL_OPTION_INVALID or MODEL_PROVIDER_UNKNOWN. */
export async function openModel(endpoint: ModelEndpoint, network: ModelNetwork): Promise<Model> {
  const provider = endpoint.spec.provider ?? "openai";
  switch (provider) {
    case "mock":
      return openMock(endpoint);
    case "anthropic":
      return openAnthropic(endpoint, await checkedFetch(endpoint, network));
    case "openai":
    case "azure-openai":
    case "openai-compatible":
    case "ollama":
      return openOpenAI(endpoint, provider, await checkedFetch(endpoint, network));
    default:
      throw new PermanentFailure(
        "MODEL_PROVIDER_UNKNOWN",
        `${endpointName(endpoint).label}: no provider \`${provider}\`; there are openai, anthropic, azure-openai, openai-compatible, ollama and mock`,
      );
  }
}
