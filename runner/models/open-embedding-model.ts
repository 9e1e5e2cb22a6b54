// The model behind a Memory's `embedding_model`, opened when a tool comes to it.
import { findEmbeddingModel } from "../../contracts/embedding.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { AgentModel } from "../agent/desk.ts";
import type { Embedder } from "./embedder.ts";
import { type ModelSources, openEndpoint } from "./open-agent-models.ts";

export interface EmbeddingModel extends Pick<AgentModel, "name" | "price" | "reach" | "enter"> {
  readonly embedder: Embedder;
  /** `namespace/name` of its ModelEndpoint. */
  readonly endpoint: string;
  /** The same for all that make the same vectors of the same text. */
  readonly identity: string;
}

/** `reference` as a Memory of `namespace` has it. */
export async function openEmbeddingModel(
  sources: ModelSources,
  namespace: string,
  reference: string,
): Promise<EmbeddingModel> {
  const manifests = Object.values(sources.definitions.snapshot.entries).map(({ manifest }) => manifest);
  const manifest = findEmbeddingModel(reference, namespace, manifests);
  if (manifest === undefined) {
    const message = `\`embedding_model: ${reference}\` is no ModelEndpoint, and no model of one in \`${namespace}\``;
    throw new PermanentFailure("DEFINITION_MISSING", message, { details: { kind: "ModelEndpoint", reference } });
  }
  const { endpoint, price, reach, enter } = await openEndpoint(sources, manifest);
  const { default_model: name, options = {}, provider = "openai", base_url: place = "" } = endpoint.spec;
  return {
    embedder: await sources.opened.openEmbedder(manifest, endpoint),
    name,
    price,
    ...(reach === undefined ? {} : { reach }),
    enter,
    endpoint: `${endpoint.namespace}/${endpoint.name}`,
    identity: JSON.stringify([provider, place, name, options["dimensions"] ?? ""]),
  };
}
