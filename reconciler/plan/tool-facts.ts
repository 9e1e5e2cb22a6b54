// What the gate needs to know of a tool, read from the manifests: its Tool, or the server that provides it.
import { type Address, addressOf } from "../../contracts/address.ts";
import { isArtifactTool } from "../../contracts/artifact-tool.ts";
import { needsVectors } from "../../contracts/embedding.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { memoryClass, memoryOperation } from "../../contracts/memory-tools.ts";
import {
  type ReachGround,
  reachOfEmbedding,
  reachOfMemory,
  reachOfModel,
  reachOfServer,
  reachOfTool,
} from "../../contracts/reach.ts";
import { declaredClasses, discoveredClasses } from "../../contracts/tool-facts.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import type { Reach, ToolData, ToolFacts } from "../../policies/request.ts";
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
    const { mcp_server_ref: reference = "", mcp_tool_name: served = "" } = spec;
    const facts = { name, known: true, capabilities: spec.capabilities ?? [], operationClasses: declaredClasses(spec) };
    const server = findManifest(manifests, "McpServer", namespace, reference);
    const reach = [reachOfTool(spec, groundOf(source, namespace)), ...servedReach(server, source)];
    return withData(facts, [spec, ...servedData(server, served)], reach);
  }
  const operation = memoryOperation(name);
  if (operation !== undefined) {
    const operationClass = memoryClass(operation);
    const facts = { name, known: true, capabilities: [], operationClasses: [operationClass] };
    const found = memory === undefined ? undefined : findManifest(manifests, "Memory", namespace, memory);
    const kept = (found === undefined ? undefined : specOf(found, "Memory")) ?? {};
    const home = found?.metadata.namespace ?? namespace;
    const ground = groundOf(source, home);
    const memoryOf = { namespace: home, spec: kept };
    const embedding = needsVectors(operation) ? reachOfEmbedding(memoryOf, manifests.values(), ground.hasSecret) : {};
    return withData(facts, [dataOfMemory(kept, operationClass === "read")], [reachOfMemory(kept, ground), embedding]);
  }
  if (isArtifactTool(name)) return { name, known: true, capabilities: [], operationClasses: ["read"] };
  const servers = serversOf(`${namespace}/${plainToolName(name)}`, source);
  const isOfServer = servers.length > 0;
  const operationClasses = isOfServer ? discoveredClasses({}) : (["read"] as const);
  const facts = { name, known: isOfServer, capabilities: [], operationClasses };
  return withData(
    facts,
    servers.flatMap(({ server, tool }) => servedData(server, tool)),
    servers.flatMap(({ server }) => servedReach(server, source)),
  );
}

/** What a model turn at this endpoint needs. */
export function readModelReach(endpoint: Manifest, source: ToolSource): Reach {
  const spec = specOf(endpoint, "ModelEndpoint");
  return spec === undefined ? {} : reachOfModel(spec, groundOf(source, endpoint.metadata.namespace));
}

function groundOf({ manifests }: ToolSource, namespace: string): ReachGround {
  return { namespace, hasSecret: (home, name) => manifests.has(addressOf({ kind: "Secret", namespace: home, name })) };
}

function servedReach(server: Manifest | undefined, source: ToolSource): readonly Reach[] {
  const spec = server === undefined ? undefined : specOf(server, "McpServer");
  if (server === undefined || spec === undefined) return [];
  return [reachOfServer(spec, groundOf(source, server.metadata.namespace))];
}

function withData(facts: ToolFacts, declared: readonly DeclaredData[], reach: readonly Reach[]): ToolFacts {
  const data: ToolData | undefined = joinToolData(declared, reach);
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
