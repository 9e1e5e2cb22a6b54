// Opens the tools that one agent lists: resolves names, starts the MCP servers behind them, gives them back at the end.

import { isArtifactTool } from "../../contracts/artifact-tool.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { memoryOperation } from "../../contracts/memory-tools.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import type { FindMemoryTool } from "../memory/agent-memory.ts";
import { brokenTool, type DeclaredDeps, factsOf, labelOf, type ToolFacts, typedTool } from "./declared-tool.ts";
import { type Entries, type FoundTool, findServer, findTool, serversFor } from "./find-manifest.ts";
import { collision, declaredMcpTool, discoveredTool } from "./mcp-tools.ts";
import { OpenServers, type ServerDeps } from "./open-servers.ts";
import type { Tool, ToolBox } from "./tool.ts";

export interface ToolBoxRequest {
  /** Of the task's snapshot: definitions do not change under a task. */
  readonly entries: Entries;
  /** The agent's: names without a namespace mean this one. */
  readonly namespace: string;
  readonly toolNames: readonly string[];
}

export interface ToolDeps extends ServerDeps, DeclaredDeps {
  readonly memory: FindMemoryTool;
  /** Reads on in results that were cut; undefined: the agent does not list it. */
  readonly artifactTool?: Tool | undefined;
  readonly ground: ServerDeps["ground"] & DeclaredDeps["ground"];
}

/**
 * A name that nothing provides is not in the box: the gate refuses it by name. A tool that cannot work here (its type,
 * its secret) is in the box and fails when it is called, so that an agent that can do without it may. A server that does
 * not start fails the opening, with its TransientFailure or PermanentFailure: what it offers cannot be known.
 */
export async function openToolBox(request: ToolBoxRequest, deps: ToolDeps, signal: AbortSignal): Promise<ToolBox> {
  const servers = new OpenServers(deps, signal);
  try {
    const tools = byPlainName(await resolveTools(request, deps, servers));
    return { find: (name) => tools.get(plainToolName(name)), close: () => servers.close() };
  } catch (error) {
    await servers.close();
    throw error;
  }
}

/** All at once, so that servers start side by side; and all to their end, so that none is opened after the close. */
async function resolveTools(request: ToolBoxRequest, deps: ToolDeps, servers: OpenServers): Promise<Tool[]> {
  const names = [...new Set(request.toolNames)];
  const resolved = await Promise.allSettled(names.map((name) => resolveTool(name, request, deps, servers)));
  return resolved.flatMap((outcome) => {
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value ?? [];
  });
}

/** Policies cannot tell `a_b` from `a-b`, so an agent cannot have both. */
function byPlainName(tools: readonly Tool[]): Map<string, Tool> {
  const found = new Map<string, Tool>();
  for (const tool of tools) {
    const { name } = tool.definition;
    const other = found.get(plainToolName(name))?.definition.name;
    if (other !== undefined && other !== name) throw collision(plainToolName(name), `\`${other}\``, `\`${name}\``);
    found.set(plainToolName(name), tool);
  }
  return found;
}

async function resolveTool(
  name: string,
  request: ToolBoxRequest,
  deps: ToolDeps,
  servers: OpenServers,
): Promise<Tool | undefined> {
  const operation = memoryOperation(name);
  if (operation !== undefined) return deps.memory(operation);
  if (isArtifactTool(name)) return deps.artifactTool;
  const { entries, namespace } = request;
  const manifest = findTool(entries, namespace, name);
  if (manifest === undefined) return discover(name, request, servers);
  // The manifest's own spelling, whichever one the agent uses.
  const called = manifest.namespace === namespace ? manifest.name : name;
  if (manifest.spec.type === "mcp") return toolOfServer(manifest, factsOf(manifest, called, deps), entries, servers);
  return typedTool(manifest, called, deps);
}

/** `a--b--c` may be `b--c` of `a` or `c` of `a--b`: both are asked, and both having it is a collision. */
async function discover(
  name: string,
  { entries, namespace }: ToolBoxRequest,
  servers: OpenServers,
): Promise<Tool | undefined> {
  const plain = plainToolName(name);
  const found: { tool: Tool; server: string }[] = [];
  for (const server of serversFor(entries, namespace, name)) {
    const tool = discoveredTool(await servers.open(server), plain);
    if (tool !== undefined) found.push({ tool, server: server.name });
  }
  const [first, second] = found;
  if (first !== undefined && second !== undefined)
    throw collision(plain, `one of ${first.server}`, `one of ${second.server}`);
  return first?.tool;
}

async function toolOfServer(
  manifest: FoundTool,
  facts: ToolFacts,
  entries: Entries,
  servers: OpenServers,
): Promise<Tool> {
  const { mcp_server_ref: reference = "", mcp_tool_name: wanted = "" } = manifest.spec;
  const server = findServer(entries, manifest.namespace, reference);
  const { definition, data = {} } = facts;
  const tool =
    server === undefined ? undefined : declaredMcpTool(manifest, definition.name, data, await servers.open(server));
  if (tool !== undefined) return tool;
  const what =
    server === undefined
      ? `there is no McpServer \`${reference}\``
      : `McpServer \`${reference}\` offers no \`${wanted}\``;
  return brokenTool(facts, new PermanentFailure("TOOL_NOT_PROVIDED", `${labelOf(manifest)}: ${what}`));
}
