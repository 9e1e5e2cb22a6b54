// What a model call cost, from the prices that its ModelEndpoint names. An unknown price is null, never zero.
import type { ModelEndpointSpec } from "../../contracts/kinds/model-endpoint.ts";

export interface TokenUse {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

const TOKENS_PER_PRICE = 1_000_000;

export function costUsd({ provider, price }: Pick<ModelEndpointSpec, "provider" | "price">, used: TokenUse): number | null {
  if (provider === "mock") return 0;
  if (price?.input_per_mtok === undefined || price.output_per_mtok === undefined) return null;
  return (used.inputTokens * price.input_per_mtok + used.outputTokens * price.output_per_mtok) / TOKENS_PER_PRICE;
}
