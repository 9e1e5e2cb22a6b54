// What a model call cost: by the prices in its ModelEndpoint, or by a maintained table. An unknown price is null, never zero.
import type { ModelEndpointSpec } from "../../contracts/kinds/model-endpoint.ts";
import type { ModelAnswer } from "../../contracts/step.ts";

type Used = Pick<ModelAnswer, "inputTokens" | "outputTokens" | "cacheReadTokens" | "cacheWriteTokens"> & {
  /** As the provider named it in its answer: an alias or a deployment says less. */
  readonly model: string;
};

/** US dollars for what one call used; null where the model has no known price. */
export type ModelPrice = (used: Used) => number | null;

const TOKENS_PER_PRICE = 1_000_000;

type Priced = Pick<ModelEndpointSpec, "provider" | "price" | "default_model" | "base_url">;

/** Prices change over time, and some over the day: those of a moment. null: nobody priced it. */
export type PricesAt = (at: Date) => ModelPrice | null;

/**
 * The manifest's own price wins; the mock is free; what nobody priced is null. The table is read only where it is
 * needed: it is large, and to look for an address in it takes as long as a call's policies.
 */
export async function openPrices(spec: Priced): Promise<PricesAt> {
  const { provider = "openai", price } = spec;
  if (price !== undefined) return () => (used) => ownPrice(price, used);
  if (provider === "mock") return () => () => 0;
  const { calcPrice, findProvider } = await import("@pydantic/genai-prices");
  const listed = listOf(provider) ?? findProvider({ providerApiUrl: spec.base_url ?? "" })?.id;
  if (listed === undefined) return () => null;
  return (at) =>
    ({ model, inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 }) => {
      const usage = {
        input_tokens: inputTokens,
        output_tokens: outputTokens,
        cache_read_tokens: cacheReadTokens,
        cache_write_tokens: cacheWriteTokens,
      };
      const options = { providerId: listed, timestamp: at };
      const found = calcPrice(usage, model, options) ?? calcPrice(usage, spec.default_model, options);
      return found?.total_price ?? null;
    };
}

/** Under which provider the table has its models. Others are looked for by their address. */
function listOf(provider: string): string | undefined {
  if (provider === "azure-openai") return "azure";
  return provider === "openai" || provider === "anthropic" ? provider : undefined;
}

/** Cached input costs what other input costs, where the manifest says nothing else. */
function ownPrice(price: NonNullable<ModelEndpointSpec["price"]>, used: Used): number {
  const { input_per_mtok: input, output_per_mtok: output } = price;
  const { cacheReadTokens: read = 0, cacheWriteTokens: written = 0 } = used;
  const fresh = used.inputTokens - read - written;
  const cached = read * (price.cache_read_per_mtok ?? input) + written * (price.cache_write_per_mtok ?? input);
  return (fresh * input + cached + used.outputTokens * output) / TOKENS_PER_PRICE;
}

export function costUsd(price: ModelPrice | null, used: Used): number | null {
  return price === null ? null : price(used);
}
