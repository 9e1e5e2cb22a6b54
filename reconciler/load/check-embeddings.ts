// Memories whose `embedding_model` is one that makes no embeddings: what is written there could never get its vector.
import { EMBEDDING_PROVIDERS, findEmbeddingModel, keepsVectors } from "../../contracts/embedding.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { Candidate } from "./candidate.ts";
import { quote } from "./finding.ts";

const IS_MEMORY = /^Memory\//;
const IS_ENDPOINT = /^ModelEndpoint\//;

/** Asks the whole set, and costs nothing where no Memory has an `embedding_model`. */
export function checkEmbeddings(sorted: readonly Candidate[]): Problem[] {
  // Looked into only by its kind: those of a kept set are unfolded for it.
  const memories = sorted.filter((candidate) => IS_MEMORY.test(candidate.address) && referenceOf(candidate) !== "");
  if (memories.length === 0) return [];
  const endpoints = sorted.filter(({ address }) => IS_ENDPOINT.test(address)).map(({ manifest }) => manifest);
  return memories.flatMap((memory) => {
    const reference = referenceOf(memory);
    const endpoint = findEmbeddingModel(reference, memory.manifest.metadata.namespace, endpoints);
    const spec = endpoint === undefined ? undefined : specOf(endpoint, "ModelEndpoint");
    const provider = spec?.provider ?? "openai";
    if (endpoint === undefined || EMBEDDING_PROVIDERS.includes(provider)) return [];
    return [withoutEmbeddings(memory, `${endpoint.metadata.namespace}/${endpoint.metadata.name}`, provider)];
  });
}

/** Empty: it has none, or none that counts. */
function referenceOf({ manifest, valid }: Candidate): string {
  const spec = valid ? specOf(manifest, "Memory") : undefined;
  return spec !== undefined && keepsVectors(spec.provider) ? (spec.embedding_model ?? "") : "";
}

function withoutEmbeddings({ address, manifest, locate }: Candidate, endpoint: string, provider: string): Problem {
  return {
    severity: "error",
    code: "SCHEMA",
    summary: `Memory ${quote(manifest.metadata.name)} takes its vectors from ModelEndpoint ${quote(endpoint)}, whose provider ${quote(provider)} makes no embeddings`,
    detail: `Name one of a provider that does: ${EMBEDDING_PROVIDERS.join(", ")}. Without \`embedding_model\` the memory is searched by words.`,
    address,
    ...locate("/spec/embedding_model"),
  };
}
