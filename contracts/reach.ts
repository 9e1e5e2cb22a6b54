// What calls need of the world, as manifests say it: the addresses that they reach, the Secrets that they use, and whether
// a process of its own carries them out. Pure; the same for the plan that shows it and the gate that decides.
import type { Reach } from "../policies/request.ts";
import { findEmbeddingModel, keepsVectors } from "./embedding.ts";
import { endpointUrl } from "./grpc-endpoint.ts";
import { isServerWithoutNetwork, isWithoutNetwork } from "./isolation.ts";
import type { McpServerSpec } from "./kinds/mcp-server.ts";
import type { MemorySpec } from "./kinds/memory.ts";
import type { ModelEndpointSpec } from "./kinds/model-endpoint.ts";
import type { ToolSpec } from "./kinds/tool.ts";
import { specOf } from "./kinds.ts";
import type { Manifest } from "./manifest.ts";
import { readSecretRef } from "./secret-ref.ts";
import { fetchesToken } from "./token-profiles.ts";

/** Where a manifest stands whose references are read. */
export interface ReachGround {
  readonly namespace: string;
  /** Whether a Secret is declared: `a/b` is read by it. */
  readonly hasSecret: (namespace: string, name: string) => boolean;
}

/** Of a Tool of type `mcp`: what it says itself; its server's comes on top. */
export function reachOfTool(spec: ToolSpec, ground: ReachGround): Reach {
  const secrets = secretsOf(
    [spec.auth?.secret_ref, spec.cli?.image_pull_secret, ...(spec.cli?.env_from ?? []).map((one) => one.secret_ref)],
    ground,
  );
  switch (spec.type ?? "http") {
    case "mcp":
      return secrets;
    case "cli":
      return isWithoutNetwork(spec) ? secrets : { ...secrets, isProcess: true };
    case "wasm":
      return secrets;
    case "grpc": {
      const place = endpointUrl(spec.endpoint ?? "", spec.grpc?.plaintext === true);
      return { ...secrets, reaches: [place, ...tokenPlace(spec.auth)] };
    }
    case "http":
    case "external":
    case "webhook-callback":
    case "a2a":
      return { ...secrets, reaches: [spec.endpoint ?? null, ...tokenPlace(spec.auth)] };
  }
}

/** Where a token is fetched, with what the client proves itself by. */
function tokenPlace(auth: McpServerSpec["auth"]): readonly (string | null)[] {
  return fetchesToken(auth?.profile) ? [auth?.token_url ?? null] : [];
}

export function reachOfServer(spec: McpServerSpec, ground: ReachGround): Reach {
  const named = [spec.auth?.secret_ref, spec.image_pull_secret, ...(spec.env ?? []).map((one) => one.secret_ref)];
  const secrets = secretsOf(named, ground);
  if (spec.transport === "http") return { ...secrets, reaches: [spec.endpoint ?? null, ...tokenPlace(spec.auth)] };
  return isServerWithoutNetwork(spec) ? secrets : { ...secrets, isProcess: true };
}

/** Those in Redis reach nothing but the environment's own. */
export function reachOfMemory(spec: MemorySpec, ground: ReachGround): Reach {
  const secrets = secretsOf([spec.auth?.secret_ref, spec.endpoint_secret_ref], ground);
  if (spec.provider !== "http" && spec.provider !== "pgvector") return secrets;
  const endpoint = spec.endpoint_secret_ref === undefined ? (spec.endpoint ?? null) : null;
  return { ...secrets, reaches: [endpoint] };
}

/** What a memory's tools need that ask its embedding model. */
export function reachOfEmbedding(
  memory: { readonly namespace: string; readonly spec: MemorySpec },
  manifests: Iterable<Manifest>,
  hasSecret: ReachGround["hasSecret"],
): Reach {
  const { embedding_model: reference, provider } = memory.spec;
  if (reference === undefined || !keepsVectors(provider)) return {};
  const endpoint = findEmbeddingModel(reference, memory.namespace, manifests);
  const spec = endpoint === undefined ? undefined : specOf(endpoint, "ModelEndpoint");
  return endpoint === undefined || spec === undefined
    ? {}
    : reachOfModel(spec, { namespace: endpoint.metadata.namespace, hasSecret });
}

/** Where providers are, unless a ModelEndpoint says another place. Those that are missing have no place of their own. */
export const MODEL_ADDRESSES: Readonly<Record<string, string>> = {
  openai: "https://api.openai.com/v1",
  anthropic: "https://api.anthropic.com",
  ollama: "http://localhost:11434/v1",
};

export function reachOfModel(spec: ModelEndpointSpec, ground: ReachGround): Reach {
  const { provider = "openai", base_url: address } = spec;
  const secrets = secretsOf([spec.auth?.secret_ref], ground);
  if (provider === "mock") return secrets;
  const known = Object.hasOwn(MODEL_ADDRESSES, provider) ? MODEL_ADDRESSES[provider] : undefined;
  return { ...secrets, reaches: [address ?? known ?? null] };
}

function secretsOf(references: readonly (string | undefined)[], ground: ReachGround): Reach {
  const secrets = references.flatMap((text) => (text === undefined ? [] : (secretName(text, ground) ?? [])));
  return secrets.length === 0 ? {} : { secrets };
}

/** `namespace/name` of the Secret that a reference means. undefined: it is none. */
export function secretName(reference: string, { namespace, hasSecret }: ReachGround): string | undefined {
  const refs = readSecretRef(reference, namespace);
  const ref = refs.find((one) => hasSecret(one.namespace, one.name)) ?? refs.at(-1);
  return ref === undefined ? undefined : `${ref.namespace}/${ref.name}`;
}
