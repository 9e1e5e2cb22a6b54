// Opens the tools that one agent lists: resolves names, starts the MCP servers behind them, gives them back at the end.
import { PermanentFailure } from "../../contracts/failure.ts";
import { isMemoryTool, plainToolName } from "../../contracts/tool-names.ts";
import { planServer, type ServerGround } from "../mcp/plan-server.ts";
import type { McpSupervisor } from "../mcp/supervisor.ts";
import type { Secrets } from "../secrets/secrets.ts";
import { type Entries, type FoundServer, type FoundTool, findServer, findTool, serversFor } from "./find-manifest.ts";
import { callHttpTool } from "./http-tool.ts";
import { collision, declaredMcpTool, discoveredTool, type OpenServer } from "./mcp-tools.ts";
import type { Tool, ToolBox } from "./tool.ts";
import { declaredClasses, definitionDigest, effectOf, timeoutMsOf } from "./tool-facts.ts";

export interface ToolBoxRequest {
  /** Of the task's snapshot: definitions do not change under a task. */
  readonly entries: Entries;
  /** The agent's: names without a namespace mean this one. */
  readonly namespace: string;
  readonly toolNames: readonly string[];
}

/** What tools get of this machine. */
interface ToolGround extends ServerGround {
  /** Host names of HTTP tools that may lead to private addresses. */
  readonly privateHosts: readonly string[];
}

export interface ToolDeps {
  readonly mcp: McpSupervisor;
  readonly secrets: Secrets;
  readonly ground: ToolGround;
}

/**
 * A name that nothing provides is not in the box: the gate refuses it by name. A tool that cannot work here (its type,
 * its secret) is in the box and fails when it is called, so that an agent that can do without it may. A server that does
 * not start fails the opening, with its TransientFailure or PermanentFailure: what it offers cannot be known.
 */
export async function openToolBox(request: ToolBoxRequest, deps: ToolDeps, signal: AbortSignal): Promise<ToolBox> {
  const servers = new Map<string, Promise<OpenServer>>();
  const tools = new Map<string, Tool>();
  const close = async (): Promise<void> => {
    for (const opened of await Promise.allSettled(servers.values())) {
      if (opened.status === "fulfilled") opened.value.handle.release();
    }
    servers.clear();
  };
  const open = (server: FoundServer): Promise<OpenServer> => {
    const key = `${server.namespace}/${server.name}`;
    const opened = servers.get(key) ?? openServer(server, deps, signal);
    servers.set(key, opened);
    return opened;
  };
  try {
    for (const name of new Set(request.toolNames)) {
      const tool = await resolveTool(name, request, deps, open);
      if (tool !== undefined) tools.set(plainToolName(name), tool);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { find: (name) => tools.get(plainToolName(name)), close };
}

type Open = (server: FoundServer) => Promise<OpenServer>;

async function openServer(
  server: FoundServer,
  { mcp, secrets, ground }: ToolDeps,
  signal: AbortSignal,
): Promise<OpenServer> {
  return { server, handle: await mcp.acquire(await planServer(server, secrets, ground), signal) };
}

async function resolveTool(
  name: string,
  request: ToolBoxRequest,
  deps: ToolDeps,
  open: Open,
): Promise<Tool | undefined> {
  if (isMemoryTool(name)) return undefined;
  const { entries, namespace } = request;
  const manifest = findTool(entries, namespace, name);
  if (manifest === undefined) return discover(name, request, open);
  const type = manifest.spec.type ?? "http";
  if (type === "http") return httpTool(manifest, name, deps);
  return type === "mcp"
    ? toolOfServer(manifest, name, entries, open)
    : brokenTool(manifest, name, unsupported(manifest));
}

/** `a--b--c` may be `b--c` of `a` or `c` of `a--b`: both are asked, and both having it is a collision. */
async function discover(name: string, { entries, namespace }: ToolBoxRequest, open: Open): Promise<Tool | undefined> {
  const plain = plainToolName(name);
  const found: { tool: Tool; server: string }[] = [];
  for (const server of serversFor(entries, namespace, name)) {
    const tool = discoveredTool(await open(server), plain);
    if (tool !== undefined) found.push({ tool, server: server.name });
  }
  const [first, second] = found;
  if (first !== undefined && second !== undefined)
    throw collision(plain, `one of ${first.server}`, `one of ${second.server}`);
  return first?.tool;
}

async function toolOfServer(manifest: FoundTool, name: string, entries: Entries, open: Open): Promise<Tool> {
  const { mcp_server_ref: reference = "", mcp_tool_name: wanted = "" } = manifest.spec;
  const server = findServer(entries, manifest.namespace, reference);
  const tool = server === undefined ? undefined : declaredMcpTool(manifest, name, await open(server));
  if (tool !== undefined) return tool;
  const what =
    server === undefined
      ? `there is no McpServer \`${reference}\``
      : `McpServer \`${reference}\` offers no \`${wanted}\``;
  return brokenTool(manifest, name, new PermanentFailure("TOOL_NOT_PROVIDED", `${labelOf(manifest)}: ${what}`));
}

function httpTool(manifest: FoundTool, name: string, { secrets, ground }: ToolDeps): Tool {
  const { namespace, spec } = manifest;
  const host = URL.canParse(spec.endpoint ?? "") ? new URL(spec.endpoint ?? "").hostname : "";
  const outbound = { allowPrivate: ground.privateHosts.includes(host), resolve: ground.resolve };
  const source = { namespace, label: labelOf(manifest), spec, secrets, outbound };
  return { ...factsOf(manifest, name), call: (args, context) => callHttpTool(source, args, context) };
}

function brokenTool(manifest: FoundTool, name: string, failure: PermanentFailure): Tool {
  return { ...factsOf(manifest, name), call: () => Promise.reject(failure) };
}

function factsOf({ spec }: FoundTool, name: string): Omit<Tool, "call"> {
  const definition = {
    name,
    description: spec.description ?? "",
    inputSchema: spec.input_schema ?? { type: "object" },
  };
  return {
    definition,
    definitionDigest: definitionDigest(definition, {}),
    effect: effectOf(spec, {}),
    capabilities: spec.capabilities ?? [],
    operationClasses: declaredClasses(spec),
    timeoutMs: timeoutMsOf(spec.runtime?.timeout),
  };
}

function unsupported(manifest: FoundTool): PermanentFailure {
  const text = `${labelOf(manifest)}: tools of type \`${manifest.spec.type}\` cannot be called by this runner; there are http and mcp`;
  return new PermanentFailure("TOOL_TYPE_UNSUPPORTED", text);
}

function labelOf({ namespace, name }: FoundTool): string {
  return `Tool ${namespace}/${name}`;
}
