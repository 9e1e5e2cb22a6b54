// Finds the Tool or McpServer that a name in a manifest means, within a snapshot. Pure.
import { type AddressParts, addressOf } from "../../contracts/address.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import type { MemorySpec } from "../../contracts/kinds/memory.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { mcpToolName, plainToolName } from "../../contracts/tool-names.ts";

export type Entries = Snapshot["entries"];

export interface FoundTool {
  readonly namespace: string;
  readonly name: string;
  readonly spec: ToolSpec;
}

export interface FoundServer {
  readonly namespace: string;
  readonly name: string;
  readonly spec: McpServerSpec;
}

/** `name`, or `namespace/name`. */
export function findTool(entries: Entries, namespace: string, reference: string): FoundTool | undefined {
  const parts = partsOf("Tool", namespace, reference);
  const exact = entries[addressOf(parts)]?.manifest;
  const manifest = exact ?? Object.values(entries).find(({ manifest: other }) => isAlike(other, parts))?.manifest;
  const spec = manifest === undefined ? undefined : specOf(manifest, "Tool");
  return manifest === undefined || spec === undefined ? undefined : { ...manifest.metadata, spec };
}

export function findServer(entries: Entries, namespace: string, reference: string): FoundServer | undefined {
  const manifest = entries[addressOf(partsOf("McpServer", namespace, reference))]?.manifest;
  const spec = manifest === undefined ? undefined : specOf(manifest, "McpServer");
  return manifest === undefined || spec === undefined ? undefined : { ...manifest.metadata, spec };
}

export interface FoundMemory {
  readonly namespace: string;
  readonly name: string;
  readonly spec: MemorySpec;
}

export function findMemory(entries: Entries, namespace: string, reference: string): FoundMemory | undefined {
  const manifest = entries[addressOf(partsOf("Memory", namespace, reference))]?.manifest;
  const spec = manifest === undefined ? undefined : specOf(manifest, "Memory");
  return manifest === undefined || spec === undefined ? undefined : { ...manifest.metadata, spec };
}

/** The servers of the namespace that may provide `name`: those whose own name is the part before a `--`. */
export function serversFor(entries: Entries, namespace: string, name: string): readonly FoundServer[] {
  return Object.values(entries).flatMap(({ manifest }) => {
    const spec = specOf(manifest, "McpServer");
    if (spec === undefined || manifest.metadata.namespace !== namespace) return [];
    return plainToolName(name).startsWith(mcpToolName(manifest.metadata.name, ""))
      ? [{ ...manifest.metadata, spec }]
      : [];
  });
}

function partsOf(kind: "Tool" | "McpServer" | "Memory", namespace: string, reference: string): AddressParts {
  const slash = reference.indexOf("/");
  if (slash === -1) return { kind, namespace, name: reference };
  return { kind, namespace: reference.slice(0, slash), name: reference.slice(slash + 1) };
}

/** Policies compare tools without case and with `_` as `-`; so must the look-up, or a rule could be spelt around. */
function isAlike(manifest: Entries[keyof Entries]["manifest"], { kind, namespace, name }: AddressParts): boolean {
  const { metadata } = manifest;
  return (
    manifest.kind === kind && metadata.namespace === namespace && plainToolName(metadata.name) === plainToolName(name)
  );
}
