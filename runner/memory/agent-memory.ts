// The memory tools of one agent, over the memory that its manifest names.

import { needsVectors } from "../../contracts/embedding.ts";
import type { MemoryOperation } from "../../contracts/memory-tools.ts";
import { type ReachGround, reachOfMemory } from "../../contracts/reach.ts";
import type { Reach } from "../../policies/request.ts";
import type { FoundMemory } from "../tools/find-manifest.ts";
import type { Tool, ToolCallContext } from "../tools/tool.ts";
import type { MemoryEmbeddings } from "./embed.ts";
import { embeddedMemory } from "./embedded-memory.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { Memory, Provenance } from "./memory.ts";
import { memoryTool } from "./memory-tools.ts";
import { type MemoryDeps, openMemory } from "./open-memory.ts";

/** Answers undefined for an agent without a memory: then nothing provides the tool. */
export type FindMemoryTool = (operation: MemoryOperation) => Tool | undefined;

export interface AgentMemoryDeps extends MemoryDeps {
  readonly written: () => Provenance;
  readonly hasSecret: ReachGround["hasSecret"];
  /** Of a memory with an `embedding_model`, and what its endpoint needs of the world. */
  readonly embeddings?: { readonly maker: MemoryEmbeddings; readonly reach: Reach };
}

export function agentMemory(found: FoundMemory | undefined, deps: AgentMemoryDeps): FindMemoryTool {
  if (found === undefined) return () => undefined;
  const { spec, namespace } = found;
  const { written, hasSecret, embeddings } = deps;
  const own = reachOfMemory(spec, { namespace, hasSecret });
  return (operation) => {
    const isEmbedded = embeddings !== undefined && needsVectors(operation);
    return memoryTool(operation, {
      // A memory that cannot be used fails the call, not the agent, which may do without it.
      open: (context) => openFor(found, deps, isEmbedded ? context : undefined),
      written,
      declared: spec,
      reach: isEmbedded ? [own, embeddings.reach] : [own],
      timeoutMs: isEmbedded ? MEMORY_LIMITS.embeddingTimeoutMs : MEMORY_LIMITS.httpTimeoutMs,
    });
  };
}

/** `context`: of the call that may ask for embeddings. */
function openFor(found: FoundMemory, deps: AgentMemoryDeps, context: ToolCallContext | undefined): Memory {
  const { memory, vectors } = openMemory(found, deps);
  const { embeddings } = deps;
  if (context === undefined || embeddings === undefined || vectors === undefined) return memory;
  const { step } = context;
  const place = step === undefined ? {} : { step };
  return embeddedMemory(vectors, (texts, signal) => embeddings.maker.embed(texts, { ...place, signal }));
}
