// The memory as tools: what a model may ask, what it gets to read, and who wrote what. Only the gate calls them.
import { digestText } from "../../contracts/canonical.ts";
import { type MemoryOperation, memoryClass, memoryEffect, memoryToolName } from "../../contracts/memory-tools.ts";
import type { ToolResult } from "../../contracts/step.ts";
import type { Reach } from "../../policies/request.ts";
import { type DeclaredData, dataOfMemory } from "../../policies/tool-data.ts";
import { labelled } from "../gate/carried.ts";
import type { ToolDefinition } from "../models/model.ts";
import type { Tool, ToolCallContext } from "../tools/tool.ts";
import { dataFrom, definitionDigest } from "../tools/tool-facts.ts";
import { MEMORY_LIMITS } from "./limits.ts";
import type { Memory, MemoryEntry, MemoryHit, MemoryKey, Provenance } from "./memory.ts";
import { cutPieces } from "./pieces.ts";

const KEY = { type: "string", minLength: 1, maxLength: MEMORY_LIMITS.keyLength };
const LIMIT = { type: "integer", minimum: 1, maximum: MEMORY_LIMITS.maxAnswers, default: MEMORY_LIMITS.answers };

interface Shape {
  readonly description: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
}

const SHAPES: Readonly<Record<MemoryOperation, Shape>> = {
  read: { description: "Reads what the memory holds under a key.", properties: { key: KEY }, required: ["key"] },
  write: {
    description: "Keeps a text in the memory under a key; what stood there before is replaced.",
    properties: { key: KEY, value: { type: "string" } },
    required: ["key", "value"],
  },
  search: {
    description: "Finds the entries of the memory that are about a query, the best first.",
    properties: { query: { type: "string", minLength: 1 }, limit: LIMIT },
    required: ["query"],
  },
  list: {
    description: "Lists the keys of the memory, or those that begin with a prefix.",
    properties: { prefix: { type: "string" }, limit: LIMIT },
    required: [],
  },
  ingest: {
    description:
      "Keeps a long text in the memory in pieces that a search finds, under keys that begin with its source.",
    properties: { source: KEY, text: { type: "string", minLength: 1 } },
    required: ["source", "text"],
  },
};

/** Made once: every activation of every agent with a memory has the same ones. */
const DEFINED: Readonly<Record<MemoryOperation, Pick<Tool, "definition" | "definitionDigest">>> = {
  read: define("read"),
  write: define("write"),
  search: define("search"),
  list: define("list"),
  ingest: define("ingest"),
};

function define(operation: MemoryOperation): Pick<Tool, "definition" | "definitionDigest"> {
  const { description, properties, required } = SHAPES[operation];
  const definition: ToolDefinition = {
    name: memoryToolName(operation),
    description,
    inputSchema: { type: "object", properties, required, additionalProperties: false },
  };
  return { definition, definitionDigest: definitionDigest(definition, {}) };
}

export interface MemoryToolParts {
  /** Throws where the memory cannot be used. */
  readonly open: (context: ToolCallContext) => Memory;
  /** Who would be the author of what this activation writes. */
  readonly written: () => Provenance;
  readonly declared: DeclaredData;
  readonly reach: readonly Reach[];
  readonly timeoutMs: number;
}

export function memoryTool(operation: MemoryOperation, parts: MemoryToolParts): Tool {
  const { definition, definitionDigest: digest } = DEFINED[operation];
  const { open, written, declared, reach, timeoutMs } = parts;
  return {
    definition,
    definitionDigest: digest,
    effect: memoryEffect(operation),
    capabilities: [],
    operationClasses: [memoryClass(operation)],
    timeoutMs,
    ...dataFrom([dataOfMemory(declared, memoryClass(operation) === "read")], reach),
    call: async (args, context) => {
      context.checkLease();
      return carryOut(operation, open(context), args, written, context.signal);
    },
  };
}

type Arguments = Readonly<Record<string, unknown>>;

/** The gate has checked the arguments against the schema: what is missing here was optional. */
async function carryOut(
  operation: MemoryOperation,
  memory: Memory,
  args: Arguments,
  written: () => Provenance,
  signal: AbortSignal,
): Promise<ToolResult> {
  const limit = typeof args["limit"] === "number" ? args["limit"] : MEMORY_LIMITS.answers;
  switch (operation) {
    case "read":
      return readResult(textOf(args, "key"), await memory.read(textOf(args, "key"), signal));
    case "search":
      return searchResult(await memory.search(textOf(args, "query"), limit, signal));
    case "list":
      return listResult(await memory.list(textOf(args, "prefix"), limit, signal));
    case "write":
      return keep(memory, [{ key: textOf(args, "key"), value: textOf(args, "value"), written: written() }], signal);
    case "ingest":
      return ingest(memory, textOf(args, "source"), textOf(args, "text"), written(), signal);
  }
}

function readResult(key: string, entry: MemoryEntry | undefined): ToolResult {
  if (entry === undefined) return { text: `Nothing stands under \`${key}\`.`, isError: false };
  return { ...result(entry), ...labelled(entry.written.labels ?? []) };
}

function searchResult(hits: readonly MemoryHit[]): ToolResult {
  return { ...result({ entries: hits }), ...labelled(hits.flatMap(({ written }) => written.labels ?? [])) };
}

function listResult(found: readonly MemoryKey[]): ToolResult {
  const keys = found.map(({ key }) => key);
  return { ...result({ keys }), ...labelled(found.flatMap(({ labels }) => labels ?? [])) };
}

async function keep(memory: Memory, entries: readonly MemoryEntry[], signal: AbortSignal): Promise<ToolResult> {
  const large = entries.find(({ value }) => Buffer.byteLength(value) > MEMORY_LIMITS.entryBytes);
  if (large !== undefined) {
    const text = `\`${large.key}\` is larger than ${MEMORY_LIMITS.entryBytes} bytes: use ingest, or keep less.`;
    return { text, isError: true };
  }
  await memory.write(entries, signal);
  return result({ kept: entries.map(({ key }) => key) });
}

/** Keys come from the content, so the same text twice is kept once. */
async function ingest(
  memory: Memory,
  source: string,
  text: string,
  written: Provenance,
  signal: AbortSignal,
): Promise<ToolResult> {
  if (Buffer.byteLength(text) > MEMORY_LIMITS.ingestBytes) {
    return { text: `The text is larger than ${MEMORY_LIMITS.ingestBytes} bytes: ingest it in parts.`, isError: true };
  }
  const entries = cutPieces(text, MEMORY_LIMITS.pieceLength).map((value) => ({
    key: `${source}#${digestText(value).slice("sha256:".length, "sha256:".length + 16)}`,
    value,
    written,
  }));
  return keep(memory, entries, signal);
}

function textOf(args: Arguments, name: string): string {
  const value = args[name];
  return typeof value === "string" ? value : "";
}

function result(value: unknown): ToolResult {
  return { text: JSON.stringify(value), isError: false };
}
