// The models of one agent, in the order in which it asks them: its own, then those that it falls back to.
import { addressOf } from "../../contracts/address.ts";
import { parseDuration } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import type { ModelEndpointSpec } from "../../contracts/kinds/model-endpoint.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { reachOfModel } from "../../contracts/reach.ts";
import type { BreakerRules } from "../../store/scripts/breaker.ts";
import type { AgentModel, ModelChoice } from "../agent/desk.ts";
import type { Breakers } from "../breakers.ts";
import type { Definitions } from "../definitions.ts";
import { RUNNER_LIMITS } from "../limits.ts";
import type { Secrets } from "../secrets/secrets.ts";
import { type ModelEndpoint, timeoutOf } from "./endpoint.ts";
import type { Model } from "./model.ts";
import type { OpenedModels } from "./opened-models.ts";

export interface ModelSources {
  readonly definitions: Definitions;
  readonly secrets: Secrets;
  readonly breakers: Breakers;
  readonly opened: Pick<OpenedModels, "open" | "openEmbedder" | "prices">;
  /** Prices are those of this moment. */
  readonly at: Date;
}

/** A model that an agent has no other for is opened at once, so that what is missing is known before any work. */
export async function openAgentModels(
  sources: ModelSources,
  namespace: string,
  { model_ref, fallback_model_refs = [] }: Pick<AgentSpec, "model_ref" | "fallback_model_refs">,
): Promise<readonly ModelChoice[]> {
  const choices = [...new Set([model_ref, ...fallback_model_refs])].map((reference): ModelChoice => {
    let opened: Promise<AgentModel> | undefined;
    return {
      endpoint: reference.includes("/") ? reference : `${namespace}/${reference}`,
      open: () => (opened ??= openOne(sources, namespace, reference)),
    };
  });
  if (choices.length === 1) await choices[0]?.open();
  return choices;
}

async function openOne(sources: ModelSources, namespace: string, reference: string): Promise<AgentModel> {
  const manifest = sources.definitions.manifest("ModelEndpoint", namespace, reference);
  const { endpoint, endpointOfNow, ...rest } = await openEndpoint(sources, manifest);
  const { default_model: name, options } = endpoint.spec;
  const model = await sources.opened.open(manifest, endpoint);
  const openNow = async (): Promise<Model> => sources.opened.open(manifest, await endpointOfNow());
  return {
    model: endpoint.apiKey === undefined || model.provider === "mock" ? model : withKeyOfNow(model, openNow),
    name,
    maxOutputTokens: outputTokens(options),
    ...rest,
  };
}

/** What a call of an endpoint needs, whatever it is asked for. */
export interface OpenEndpoint extends Pick<AgentModel, "price" | "reach" | "enter"> {
  readonly endpoint: ModelEndpoint;
  /** With the key as it is now: it may have been changed since. */
  readonly endpointOfNow: () => Promise<ModelEndpoint>;
}

/** Throws PermanentFailure where a Secret stands in the way. */
export async function openEndpoint(sources: ModelSources, manifest: Manifest): Promise<OpenEndpoint> {
  const { definitions, secrets, breakers, opened, at } = sources;
  const { namespace: home, name } = manifest.metadata;
  const spec = specOf(manifest, "ModelEndpoint");
  if (spec === undefined) throw new PermanentFailure("DEFINITION_MISSING", `\`${home}/${name}\` is no ModelEndpoint`);
  const secretRef = spec.auth?.secret_ref;
  const neededBy = `ModelEndpoint ${home}/${name}`;
  const endpointOfNow = async (): Promise<ModelEndpoint> => {
    if (secretRef === undefined) return { namespace: home, name, spec };
    return { namespace: home, name, spec, apiKey: await secrets.resolve(secretRef, home, neededBy) };
  };
  const endpoint = await endpointOfNow();
  const rules = breakerRules(spec);
  return {
    endpoint,
    endpointOfNow,
    price: (await opened.prices(manifest, spec))(at),
    reach: reachOfModel(spec, {
      namespace: home,
      hasSecret: (inside, secret) => hasSecret(definitions, inside, secret),
    }),
    enter: async () =>
      rules === undefined ? ALWAYS : breakers.enter({ namespace: home, name }, rules, timeoutOf(endpoint)),
  };
}

/** The key is looked up for each call: one that was changed counts at the next. */
function withKeyOfNow(first: Model, openNow: () => Promise<Model>): Model {
  return { ...factsOf(first), complete: async (request, signal) => (await openNow()).complete(request, signal) };
}

function factsOf({ provider, toolPromptTokens }: Model): Pick<Model, "provider" | "toolPromptTokens"> {
  return { provider, ...(toolPromptTokens === undefined ? {} : { toolPromptTokens }) };
}

function hasSecret({ snapshot }: Definitions, namespace: string, name: string): boolean {
  return snapshot.entries[addressOf({ kind: "Secret", namespace, name })] !== undefined;
}

const ALWAYS = { state: "may-call", leave: async () => undefined } as const;

/** undefined: it has none. A mock is never ill by itself; its script may say so, and then the manifest has to, too. */
function breakerRules({ provider, breaker }: ModelEndpointSpec): BreakerRules | undefined {
  const { failures = provider === "mock" ? 0 : RUNNER_LIMITS.breaker.failures } = breaker ?? {};
  if (failures === 0) return undefined;
  const openMs = parseDuration(breaker?.open ?? "") ?? RUNNER_LIMITS.breaker.openMs;
  return {
    failures,
    windowMs: parseDuration(breaker?.window ?? "") ?? RUNNER_LIMITS.breaker.windowMs,
    openMs,
    longestMs: Math.max(openMs, RUNNER_LIMITS.breaker.longestMs),
  };
}

function outputTokens(options: Readonly<Record<string, string>> = {}): number {
  const asked = Number(options["max_tokens"]);
  return Number.isInteger(asked) && asked > 0 ? asked : RUNNER_LIMITS.maxOutputTokens;
}
