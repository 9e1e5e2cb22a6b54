// What the gate needs to know of a tool, read from the manifests: its Tool, or the server that provides it.
import { type Address, addressOf } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { memoryClass, memoryOperation } from "../../contracts/memory-tools.ts";
import { declaredClasses, discoveredClasses } from "../../contracts/tool-facts.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import type { ToolData, ToolFacts } from "../../policies/request.ts";
import { type DeclaredData, dataOfMemory, factsOfServed, joinToolData } from "../../policies/tool-data.ts";

export interface ToolSource {
  readonly manifests: ReadonlyMap<Address, Manifest>;
  /** What the names of tools of McpServers begin with, as `<namespace>/<server>--` → their server. */
  readonly served: ReadonlyMap<string, Manifest>;
}

export function toolSourceOf(manifests: readonly (readonly [Address, Manifest])[]): ToolSource {
  const servers = manifests.filter(([, { kind }]) => kind === "McpServer");
  return {
    manifests: new Map(manifests),
    served: new Map(servers.map(([, manifest]) => [servedPrefix(manifest), manifest])),
  };
}

function servedPrefix(server: Manifest): string {
  return `${server.metadata.namespace}/${plainToolName(`${server.metadata.name}--`)}`;
}

/**
 * Of a tool that only its server describes nothing is known before a runner asks it: it counts as the worst, as there.
 * `memory`: the name of the agent's Memory, where it has one.
 */
export function readToolFacts(name: string, namespace: string, source: ToolSource, memory?: string): ToolFacts {
  const { manifests } = source;
  const manifest = manifests.get(addressOf({ kind: "Tool", namespace, name }));
  const spec = manifest === undefined ? undefined : specOf(manifest, "Tool");
  if (spec !== undefined) {
    const { mcp_server_ref: server = "", mcp_tool_name: served = "" } = spec;
    const facts = { name, known: true, capabilities: spec.capabilities ?? [], operationClasses: declaredClasses(spec) };
    return withData(facts, [spec, ...servedData(findManifest(manifests, "McpServer", namespace, server), served)]);
  }
  const operation = memoryOperation(name);
  if (operation !== undefined) {
    const operationClass = memoryClass(operation);
    const facts = { name, known: true, capabilities: [], operationClasses: [operationClass] };
    const found = memory === undefined ? undefined : findManifest(manifests, "Memory", namespace, memory);
    const kept = (found === undefined ? undefined : specOf(found, "Memory")) ?? {};
    return withData(facts, [dataOfMemory(kept, operationClass === "read")]);
  }
  const servers = serversOf(`${namespace}/${plainToolName(name)}`, source);
  const isOfServer = servers.length > 0;
  const operationClasses = isOfServer ? discoveredClasses({}) : (["read"] as const);
  const facts = { name, known: isOfServer, capabilities: [], operationClasses };
  return withData(
    facts,
    servers.flatMap(({ server, tool }) => servedData(server, tool)),
  );
}

function withData(facts: ToolFacts, declared: readonly DeclaredData[]): ToolFacts {
  const data: ToolData | undefined = joinToolData(declared);
  return data === undefined ? facts : { ...facts, data };
}

function servedData(server: Manifest | undefined, tool: string): readonly DeclaredData[] {
  const spec = server === undefined ? undefined : specOf(server, "McpServer");
  return factsOfServed(spec?.tool_facts, tool);
}

function findManifest(
  manifests: ToolSource["manifests"],
  kind: "McpServer" | "Memory",
  namespace: string,
  reference: string,
): Manifest | undefined {
  const [first = "", second] = reference.split("/");
  return manifests.get(
    addressOf(second === undefined ? { kind, namespace, name: first } : { kind, namespace: first, name: second }),
  );
}

interface Served {
  readonly server: Manifest;
  /** The name without the server's. */
  readonly tool: string;
}

/** A server's name may hold `--` itself, so every such place may be where it ends. */
function serversOf(name: string, { served }: ToolSource): Served[] {
  const found: Served[] = [];
  for (let end = name.indexOf("--"); end >= 0; end = name.indexOf("--", end + 1)) {
    const server = served.get(name.slice(0, end + 2));
    if (server !== undefined) found.push({ server, tool: name.slice(end + 2) });
  }
  return found;
}
