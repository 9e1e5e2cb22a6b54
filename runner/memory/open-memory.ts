// Opens the memory that an agent's manifest names, by its provider.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { MemorySpec } from "../../contracts/kinds/memory.ts";
import type { TaskRef } from "../../contracts/task.ts";
import type { Redis } from "../../store/connect.ts";
import { sharedMemory, taskMemory } from "../../store/memory.ts";
import type { FoundMemory } from "../tools/find-manifest.ts";
import { type HttpMemorySource, openHttpMemory } from "./http-memory.ts";
import type { Memory, VectorMemory } from "./memory.ts";
import { openPgvectorMemory } from "./postgres/pgvector-memory.ts";
import { openRedisMemory } from "./redis-memory.ts";

export interface MemoryDeps extends Pick<HttpMemorySource, "secrets" | "tokens" | "outbound"> {
  readonly redis: Redis;
  readonly task: TaskRef;
}

export interface OpenMemory {
  readonly memory: Memory;
  /** The same, where it can keep vectors. */
  readonly vectors?: VectorMemory;
}

/** Throws MEMORY_UNSUPPORTED for a provider that this runner cannot use: its tools fail then, and say so. */
export function openMemory({ namespace, name, spec }: FoundMemory, deps: MemoryDeps): OpenMemory {
  const { redis, task, secrets, tokens, outbound } = deps;
  const label = `Memory ${namespace}/${name}`;
  const provider = spec.provider ?? "in-memory";
  switch (provider) {
    case "in-memory":
      return withVectors(openRedisMemory(redis, taskMemory(task, namespace, name), label));
    case "redis":
      refuseEndpoint(label, spec);
      return withVectors(openRedisMemory(redis, sharedMemory(task.env, namespace, name), label));
    case "http":
      return { memory: openHttpMemory({ namespace, label, spec, secrets, tokens, outbound }) };
    case "pgvector":
      return withVectors(openPgvectorMemory({ env: task.env, namespace, name, label, spec, secrets, outbound }));
    default:
      throw new PermanentFailure(
        "MEMORY_UNSUPPORTED",
        `${label}: provider \`${provider}\` cannot be used by this runner; there are in-memory, redis, pgvector and http`,
      );
  }
}

function withVectors(vectors: VectorMemory): OpenMemory {
  return { memory: vectors, vectors };
}

/** Another server than the environment's would need a connection, and a trust, of its own. */
function refuseEndpoint(label: string, { endpoint, endpoint_secret_ref: secret }: MemorySpec): void {
  if (endpoint === undefined && secret === undefined) return;
  throw new PermanentFailure(
    "MEMORY_UNSUPPORTED",
    `${label}: a \`redis\` memory is kept in the environment's own Redis; take its \`endpoint\` away`,
  );
}
