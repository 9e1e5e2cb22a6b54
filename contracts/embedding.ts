// Which ModelEndpoint makes the vectors of a Memory, and whether it can: the same for the loader, the plan and the runner.
import type { Manifest } from "./manifest.ts";
import type { MemoryOperation } from "./memory-tools.ts";

/** Providers whose API makes embeddings. Anthropic's has none. */
export const EMBEDDING_PROVIDERS: readonly string[] = ["openai", "azure-openai", "openai-compatible", "ollama", "mock"];

/** Whether a memory of this provider is searched by vectors of ours: what is behind `http` searches as it likes. */
export function keepsVectors(provider: string | undefined): boolean {
  return provider !== "http";
}

/** Those of a memory that ask its embedding model. */
export function needsVectors(operation: MemoryOperation): boolean {
  return operation === "write" || operation === "ingest" || operation === "search";
}

/**
 * `reference` is a ModelEndpoint, as `name` or `namespace/name`, or else the id of a model that one of the Memory's
 * namespace has. `endpoints` may hold manifests of any kind.
 */
export function findEmbeddingModel(
  reference: string,
  namespace: string,
  endpoints: Iterable<Manifest>,
): Manifest | undefined {
  const [home, name] = reference.includes("/") ? reference.split("/", 2) : [namespace, reference];
  let byModel: Manifest | undefined;
  for (const manifest of endpoints) {
    if (manifest.kind !== "ModelEndpoint") continue;
    const { metadata } = manifest;
    if (metadata.namespace === home && metadata.name === name) return manifest;
    const isSecond = metadata.namespace === namespace && manifest.spec["default_model"] === reference;
    if (isSecond && (byModel === undefined || metadata.name < byModel.metadata.name)) byModel = manifest;
  }
  return byModel;
}
