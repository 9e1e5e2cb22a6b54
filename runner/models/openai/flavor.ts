// What tells OpenAI from those that speak its protocol, and the SDK's client for each.
import type * as Sdk from "openai";
import type OpenAI from "openai";
import { MODEL_ADDRESSES } from "../../../contracts/reach.ts";
import type { Fetch } from "../checked-fetch.ts";
import { baseUrlOf, endpointName, type ModelEndpoint, readOptions, timeoutOf, withPath } from "../endpoint.ts";
import { authFailure } from "../model-failure.ts";

export type OpenAIProvider = "openai" | "azure-openai" | "openai-compatible" | "ollama";

/**
 * `limit`: Azure and OpenAI know `max_completion_tokens` for all models; the servers that imitate them often do not.
 * `enforcesSchemas`: it takes an output schema; of the others nobody knows.
 */
interface Flavor {
  readonly base: string | undefined;
  readonly needsKey: boolean;
  readonly limit: "max_tokens" | "max_completion_tokens";
  readonly enforcesSchemas: boolean;
}

export const FLAVORS: Readonly<Record<OpenAIProvider, Flavor>> = {
  openai: {
    base: MODEL_ADDRESSES["openai"],
    needsKey: true,
    limit: "max_completion_tokens",
    enforcesSchemas: true,
  },
  "azure-openai": { base: undefined, needsKey: true, limit: "max_completion_tokens", enforcesSchemas: true },
  "openai-compatible": { base: undefined, needsKey: false, limit: "max_tokens", enforcesSchemas: false },
  ollama: { base: MODEL_ADDRESSES["ollama"], needsKey: false, limit: "max_tokens", enforcesSchemas: true },
};

export type OpenAIApi = "chat" | "responses";

interface Line {
  readonly provider: OpenAIProvider;
  readonly api: OpenAIApi;
  readonly fetch: Fetch;
}

/** Throws PermanentFailure MODEL_AUTH or MODEL_ENDPOINT_INVALID before anybody is asked. */
export function openClient(sdk: typeof Sdk, endpoint: ModelEndpoint, line: Line): OpenAI {
  const { provider } = line;
  const { base, needsKey } = FLAVORS[provider];
  if (needsKey && (endpoint.apiKey ?? "") === "") throw authFailure(endpointName(endpoint), "is missing");
  const url = baseUrlOf(endpoint, base);
  return provider === "azure-openai" ? openAzure(sdk, endpoint, url, line) : openPlain(sdk, endpoint, url, line);
}

/** Everything that the SDK would otherwise look for in the environment is given. */
function common(endpoint: ModelEndpoint, { fetch }: Line) {
  const { organization, project } = readOptions(endpoint, ["organization", "project"]);
  return {
    adminAPIKey: null,
    webhookSecret: null,
    organization: typeof organization === "string" ? organization : null,
    project: typeof project === "string" ? project : null,
    maxRetries: 0,
    timeout: timeoutOf(endpoint),
    logLevel: "off",
    fetch,
  } as const;
}

function openPlain(sdk: typeof Sdk, endpoint: ModelEndpoint, url: URL, line: Line): OpenAI {
  const { apiKey = "" } = endpoint;
  return new sdk.OpenAI({
    ...common(endpoint, line),
    // The SDK insists on a key; a server without one gets no header.
    apiKey: apiKey === "" ? "none" : apiKey,
    ...(apiKey === "" ? { defaultHeaders: { Authorization: null } } : {}),
    baseURL: withPath(url, url.pathname === "/" ? "/v1" : url.pathname),
  });
}

/** The last version of the API that is not a preview; `options.api_version` names another. */
const AZURE_API_VERSION = "2024-10-21";
/** Responses came with Azure's `v1` path, whose versions are `preview` and no longer dates. */
const AZURE_RESPONSES_VERSION = "preview";

/** Azure's models are deployments: `default_model` is a deployment's name. */
function openAzure(sdk: typeof Sdk, endpoint: ModelEndpoint, url: URL, line: Line): OpenAI {
  const { api } = line;
  const given = endpoint.spec.options?.["api_version"];
  const path = api === "chat" ? "/openai" : "/openai/v1";
  return new sdk.AzureOpenAI({
    ...common(endpoint, line),
    apiKey: endpoint.apiKey ?? "",
    apiVersion: given ?? (api === "chat" ? AZURE_API_VERSION : AZURE_RESPONSES_VERSION),
    baseURL: withPath(url, url.pathname === "/" ? path : url.pathname),
  });
}
