// A ModelEndpoint as the adapters get it: its manifest, its key, and what is read from both in the same way everywhere.
import { parseDuration, timerMs } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ModelEndpointSpec } from "../../contracts/kinds/model-endpoint.ts";
import {
  isModelProvider,
  MODEL_OPTIONS,
  type OptionForm,
  type OptionForms,
  readOption,
} from "../../contracts/model-options.ts";
import type { EndpointName } from "./model-failure.ts";

export interface ModelEndpoint {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ModelEndpointSpec;
  /** The value behind `auth.secret_ref`. */
  readonly apiKey?: string;
}

const DEFAULT_TIMEOUT = "2m";

export function endpointName({ namespace, name, spec }: ModelEndpoint): EndpointName {
  return { label: `ModelEndpoint ${namespace}/${name}`, secretRef: spec.auth?.secret_ref };
}

export function timeoutOf({ spec }: ModelEndpoint): number {
  return timerMs(parseDuration(spec.timeout ?? DEFAULT_TIMEOUT) ?? 0);
}

/** The address without a closing slash; a PermanentFailure where it is none. */
export function baseUrlOf(endpoint: ModelEndpoint, fallback: string | undefined): URL {
  const text = endpoint.spec.base_url ?? fallback;
  const { label } = endpointName(endpoint);
  if (text === undefined) {
    throw new PermanentFailure(
      "MODEL_ENDPOINT_INVALID",
      `${label}: provider \`${endpoint.spec.provider}\` needs a \`base_url\``,
    );
  }
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new PermanentFailure("MODEL_ENDPOINT_INVALID", `${label}: \`base_url: ${text}\` is no http or https address`);
  }
  return new URL(text);
}

/** The same address with another path, no query, no closing slash. */
export function withPath(url: URL, path: string): string {
  return `${url.origin}${path.replace(/\/+$/, "")}`;
}

/**
 * The `options` of these names, in the form that a provider's API wants. Others are left out: what no provider knows was
 * told when the manifest was validated, and an API refuses what it does not know.
 */
export function readOptions(endpoint: ModelEndpoint, names: readonly string[]): Record<string, unknown> {
  const provider = endpoint.spec.provider ?? "openai";
  const known: OptionForms = isModelProvider(provider) ? MODEL_OPTIONS[provider] : {};
  const read: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(endpoint.spec.options ?? {})) {
    const form = names.includes(name) && Object.hasOwn(known, name) ? known[name] : undefined;
    if (form !== undefined) read[name] = readOne(endpoint, name, text, form);
  }
  return read;
}

/** What the answer may be at most: the smaller of what the gate reserved and what the manifest asks for. */
export function outputLimit(endpoint: ModelEndpoint, reserved: number): number {
  const asked = readOptions(endpoint, ["max_tokens"])["max_tokens"];
  return typeof asked === "number" && asked >= 1 ? Math.min(Math.floor(asked), reserved) : reserved;
}

function readOne(endpoint: ModelEndpoint, name: string, text: string, form: OptionForm): unknown {
  const read = readOption(text, form);
  if (read.outcome === "ok") return read.value;
  const { label } = endpointName(endpoint);
  throw new PermanentFailure("MODEL_OPTION_INVALID", `${label}: \`options.${name}: ${text}\` is not ${read.wanted}`);
}
