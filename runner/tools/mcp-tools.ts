// Tools that MCP servers provide: discovered, filtered, pinned, and called through the supervisor's handle.
import { PermanentFailure } from "../../contracts/failure.ts";
import { type ToolText, toolTextDigest } from "../../contracts/tool-difference.ts";
import { declaredClasses, discoveredClasses, effectOf } from "../../contracts/tool-facts.ts";
import { mcpToolName } from "../../contracts/tool-names.ts";
import type { Reach } from "../../policies/request.ts";
import { factsOfServed } from "../../policies/tool-data.ts";
import { boundAnswer } from "../bound-text.ts";
import type { McpToolDescription } from "../mcp/mcp-client.ts";
import type { ServerHandle } from "../mcp/shared-server.ts";
import type { ToolDefinition } from "../models/model.ts";
import type { FoundServer, FoundTool } from "./find-manifest.ts";
import type { Tool } from "./tool.ts";
import { dataFrom, definitionDigest, resultLimitOf, timeoutMsOf } from "./tool-facts.ts";

/** A server in use, with the tools that its manifest lets exist. */
export interface OpenServer {
  readonly server: FoundServer;
  readonly handle: ServerHandle;
  /** What its manifest says that its calls need. */
  readonly reach: Reach;
}

/** The tool of a server, named `<server>--<tool>`. Two of its tools that map to one name are a PermanentFailure. */
export function discoveredTool({ server, handle, reach }: OpenServer, name: string): Tool | undefined {
  const found = visibleTools(server, handle).filter((tool) => mcpToolName(server.name, tool.name) === name);
  const [tool, other] = found;
  if (tool === undefined) return undefined;
  if (other !== undefined) throw collision(name, `${server.name}'s \`${tool.name}\``, `its \`${other.name}\``);
  const { description, inputSchema, annotations } = tool;
  const definition = { name, description, inputSchema };
  return mcpTool(
    { server, handle, reach, tool, definition, settings: {} },
    {
      effect: effectOf({}, annotations),
      capabilities: [],
      operationClasses: discoveredClasses(annotations),
      timeoutMs: timeoutMsOf(server.spec.default_tool_runtime?.timeout),
      ...dataFrom(factsOfServed(server.spec.tool_facts, tool.name), [reach]),
    },
  );
}

/** A Tool manifest of type mcp: its words go before the server's. */
export function declaredMcpTool(
  manifest: FoundTool,
  name: string,
  own: Reach,
  { server, handle, reach }: OpenServer,
): Tool | undefined {
  const { spec } = manifest;
  const tool = visibleTools(server, handle).find((candidate) => candidate.name === spec.mcp_tool_name);
  if (tool === undefined) return undefined;
  const definition = {
    name,
    description: spec.description ?? tool.description,
    inputSchema: spec.input_schema ?? tool.inputSchema,
  };
  return mcpTool(
    { server, handle, reach, tool, definition, settings: spec },
    {
      effect: effectOf(spec, tool.annotations),
      capabilities: spec.capabilities ?? [],
      operationClasses: declaredClasses(spec),
      timeoutMs: timeoutMsOf(spec.runtime?.timeout ?? server.spec.default_tool_runtime?.timeout),
      ...dataFrom([spec, ...factsOfServed(server.spec.tool_facts, tool.name)], [own, reach]),
    },
  );
}

export function collision(name: string, one: string, other: string): PermanentFailure {
  return new PermanentFailure(
    "TOOL_NAME_COLLISION",
    `\`${name}\` could be ${one} or ${other}; rename one, or leave it out by \`tool_filter.include\``,
  );
}

function visibleTools({ spec }: FoundServer, { tools }: ServerHandle): readonly McpToolDescription[] {
  const include = spec.tool_filter?.include ?? [];
  return include.length === 0 ? tools : tools.filter(({ name }) => include.includes(name));
}

interface McpToolParts extends OpenServer {
  readonly tool: McpToolDescription;
  readonly definition: ToolDefinition;
  readonly settings: Parameters<typeof resultLimitOf>[0];
}

type McpToolFacts = Pick<Tool, "effect" | "capabilities" | "operationClasses" | "timeoutMs" | "data">;

function mcpTool({ server, handle, tool, definition, settings }: McpToolParts, facts: McpToolFacts): Tool {
  const limit = resultLimitOf(settings);
  return {
    ...facts,
    definition,
    definitionDigest: definitionDigest(definition, tool.annotations),
    async call(args, { idempotencyKey, signal, keepBytes, onProgress, noteElicited }) {
      requirePin(server, tool);
      const { text, isError } = await handle.call(tool.name, args, {
        signal,
        timeoutMs: facts.timeoutMs,
        idempotencyKey,
        onProgress,
        noteElicited,
      });
      return { ...boundAnswer(text, limit, Buffer.byteLength(text), keepBytes), isError };
    },
  };
}

/** What pins of all that a server offers would hold, by the server's own names. */
export function pinsOf({ server, handle }: OpenServer): Readonly<Record<string, string>> {
  return Object.fromEntries(handle.tools.map((tool) => [tool.name, pinOf(server.name, tool)]));
}

/** What these digests stand for, by digest, of the tools that the manifest pins. */
export function pinnedTexts({ server, handle }: OpenServer): Readonly<Record<string, ToolText>> {
  const pins = server.spec.pins ?? {};
  const pinned = handle.tools.filter(({ name }) => Object.hasOwn(pins, name));
  return Object.fromEntries(pinned.map((tool) => [pinOf(server.name, tool), textOf(server.name, tool)]));
}

/** A pin holds the digest of the definition as its server gives it, under its `<server>--<tool>` name. */
function pinOf(server: string, tool: McpToolDescription): string {
  return toolTextDigest(textOf(server, tool));
}

function textOf(server: string, { name, description, inputSchema, annotations }: McpToolDescription): ToolText {
  return { name: mcpToolName(server, name), description, inputSchema, annotations };
}

function requirePin({ namespace, name, spec }: FoundServer, tool: McpToolDescription): void {
  const pins = spec.pins ?? {};
  const pin = Object.hasOwn(pins, tool.name) ? pins[tool.name] : undefined;
  if (pin === undefined) return;
  const seen = pinOf(name, tool);
  if (seen === pin || seen === `sha256:${pin}`) return;
  throw new PermanentFailure(
    "TOOL_DRIFTED",
    `McpServer ${namespace}/${name} pins \`${tool.name}\` to ${pin}, but the server now offers ${seen}; review it, then change \`pins\``,
  );
}
