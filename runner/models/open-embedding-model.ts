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
  const { endpoint, endpointOfNow, price, reach, enter } = await openEndpoint(sources, manifest);
  const { default_model: name, options = {}, provider = "openai", base_url: place = "" } = endpoint.spec;
  const embedder = await sources.opened.openEmbedder(manifest, endpoint);
  const openNow = async (): Promise<Embedder> => sources.opened.openEmbedder(manifest, await endpointOfNow());
  return {
    embedder: endpoint.apiKey === undefined ? embedder : withKeyOfNow(embedder, openNow),
    name,
    price,
    ...(reach === undefined ? {} : { reach }),
    enter,
    endpoint: `${endpoint.namespace}/${endpoint.name}`,
    identity: JSON.stringify([provider, place, name, options["dimensions"] ?? ""]),
  };
}

/** The key is looked up for each call, as those of models that are spoken with are. */
function withKeyOfNow({ provider }: Embedder, openNow: () => Promise<Embedder>): Embedder {
  return { provider, embed: async (request, signal) => (await openNow()).embed(request, signal) };
}
