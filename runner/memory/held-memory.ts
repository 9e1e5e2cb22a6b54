// Opens the memory of one agent for one attempt: what its manifest names, kept under the task, signed with who writes, and
// searched by what its embedding model makes.
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import { taskId } from "../../contracts/new-task.ts";
import { type ReachGround, reachOfEmbedding } from "../../contracts/reach.ts";
import type { CarriedLabel } from "../../policies/request.ts";
import type { Redis } from "../../store/connect.ts";
import type { Definitions } from "../definitions.ts";
import { type CarriedLabels, labelled } from "../gate/carried.ts";
import type { Gate } from "../gate/gate.ts";
import type { Redactor } from "../gate/redact.ts";
import type { Held } from "../held.ts";
import type { ModelSources } from "../models/open-agent-models.ts";
import { openEmbeddingModel } from "../models/open-embedding-model.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Outbound } from "../tools/checked-request.ts";
import { outboundTo } from "../tools/declared-tool.ts";
import { type FoundMemory, findMemory } from "../tools/find-manifest.ts";
import type { OAuthTokens } from "../tools/oauth-tokens.ts";
import { type AgentMemoryDeps, agentMemory, type FindMemoryTool } from "./agent-memory.ts";
import { MemoryEmbeddings } from "./embed.ts";
import type { Provenance } from "./memory.ts";

export interface MemoryNeeds {
  readonly options: { readonly redis: Redis; readonly now: () => Date };
  readonly ground: Parameters<typeof outboundTo>[1] & { readonly tokens: OAuthTokens };
  readonly held: Held;
  readonly definitions: Definitions;
  readonly spec: AgentSpec;
  readonly secrets: Secrets;
  readonly hasSecret: ReachGround["hasSecret"];
  readonly carried: CarriedLabels;
  readonly modelSources: ModelSources;
  /** Made after the tools. */
  readonly gate: () => Gate;
  readonly redactor: Redactor;
}

export function memoryOf(needs: MemoryNeeds): FindMemoryTool {
  const { options, ground, held, definitions, spec, secrets, hasSecret, carried } = needs;
  const { task, agent, activation } = held;
  const reference = spec.memory?.ref;
  const { entries } = definitions.snapshot;
  const found = reference === undefined ? undefined : findMemory(entries, task.namespace, reference);
  const outbound = (url: URL): Outbound => outboundTo(url.hostname, ground);
  const written = (): Provenance => ({
    task: taskId(task),
    agent,
    activation,
    at: options.now().toISOString(),
    ...labelled(carried.list().map((label) => keptLabel(label, taskId(task)))),
  });
  const { redis } = options;
  const { tokens } = ground;
  const embeddings = found === undefined ? {} : embeddingsOf(needs, found);
  return agentMemory(found, { redis, task, secrets, tokens, outbound, written, hasSecret, ...embeddings });
}

/** Nothing where the memory has no `embedding_model`. */
function embeddingsOf(
  { options, held, definitions, modelSources, gate, redactor, hasSecret }: MemoryNeeds,
  found: FoundMemory,
): Pick<AgentMemoryDeps, "embeddings"> {
  const reference = found.spec.embedding_model;
  if (reference === undefined) return {};
  const maker = new MemoryEmbeddings({
    redis: options.redis,
    env: held.task.env,
    open: () => openEmbeddingModel(modelSources, found.namespace, reference),
    gate,
    steps: held.claim.steps,
    redact: (text) => redactor.text(text),
    random: held.parts.random,
  });
  const manifests = Object.values(definitions.snapshot.entries).map(({ manifest }) => manifest);
  return { embeddings: { maker, reach: reachOfEmbedding(found, manifests, hasSecret) } };
}

/** Whoever reads it may be another task. */
function keptLabel({ label, from }: CarriedLabel, task: string): CarriedLabel {
  return { label, from: from.includes(" in ") ? from : `${from} in ${task}` };
}
