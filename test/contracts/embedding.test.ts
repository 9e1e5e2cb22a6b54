// Which endpoint makes the vectors of a Memory, and what its tools need of the world for it.
import { expect, it } from "vitest";
import { findEmbeddingModel } from "../../contracts/embedding.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { reachOfEmbedding } from "../../contracts/reach.ts";

function endpoint(namespace: string, name: string, spec: Readonly<Record<string, unknown>>): Manifest {
  const metadata = { namespace, name, labels: {}, annotations: {} };
  return { apiVersion: "countwheel.dev/v1", kind: "ModelEndpoint", metadata, spec };
}

const manifests = [
  endpoint("default", "b", { default_model: "embed-3", base_url: "https://b.test/v1", auth: { secret_ref: "keys:b" } }),
  endpoint("default", "a", { default_model: "embed-3" }),
  endpoint("shared", "c", { default_model: "embed-4", provider: "anthropic" }),
];

it.each([
  ["b", "b"],
  ["shared/c", "c"],
  ["embed-3", "a"],
  ["embed-4", undefined],
  ["c", undefined],
])("means by %s the endpoint %s", (reference, name) => {
  expect(findEmbeddingModel(reference, "default", manifests)?.metadata.name).toBe(name);
});

it("reaches its endpoint, with the endpoint's Secret, so that rules on the flow of data see it", () => {
  const reach = (provider: string) =>
    reachOfEmbedding({ namespace: "default", spec: { provider, embedding_model: "b" } }, manifests, () => true);
  expect(reach("redis")).toEqual({ reaches: ["https://b.test/v1"], secrets: ["default/keys"] });
  expect(reach("http")).toEqual({});
});
