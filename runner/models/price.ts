// What a model call cost, from the prices that its ModelEndpoint names. An unknown price is null, never zero.
import type { ModelEndpointSpec } from "../../contracts/kinds/model-endpoint.ts";

/** USD per million tokens. */
export interface ModelPrice {
  readonly inputPerMtok: number;
  readonly outputPerMtok: number;
}

const FREE: ModelPrice = { inputPerMtok: 0, outputPerMtok: 0 };
const TOKENS_PER_PRICE = 1_000_000;

/** The mock is free; what nobody priced is null. */
export function priceOf({ provider, price }: Pick<ModelEndpointSpec, "provider" | "price">): ModelPrice | null {
  if (price !== undefined) return { inputPerMtok: price.input_per_mtok, outputPerMtok: price.output_per_mtok };
  return provider === "mock" ? FREE : null;
}

export function costUsd(
  price: ModelPrice | null,
  used: { readonly inputTokens: number; readonly outputTokens: number },
): number | null {
  if (price === null) return null;
  return (used.inputTokens * price.inputPerMtok + used.outputTokens * price.outputPerMtok) / TOKENS_PER_PRICE;
}
