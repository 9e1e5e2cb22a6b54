// An MCP server over the tools that are offered: lists them, checks what they are called with, calls them.
import { setImmediate } from "node:timers/promises";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { CallToolRequestSchema, type CallToolResult, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { boundText } from "../bound-text.ts";
import { compileSchema } from "../foreign-schema.ts";
import type { Offer, OfferedTool } from "./offered-tool.ts";

/** What a client's model can still read, by far. */
const RESULT_BYTES = 512 * 1024;

export interface OfferServer {
  readonly server: Server;
  /** Settles once no call is under way any more, and what they came to is on its way. */
  readonly idle: () => Promise<void>;
}

/** For one client. */
export function openOfferServer({ version, instructions, tools }: Offer): OfferServer {
  const running = new Set<Promise<unknown>>();
  const server = new Server({ name: "countwheel", version }, { capabilities: { tools: {} }, instructions });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map(({ name, description, inputSchema, readOnly }) => ({
      name,
      description,
      inputSchema: { ...inputSchema },
      annotations: { readOnlyHint: readOnly, destructiveHint: !readOnly, openWorldHint: false },
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) return toldResult(`TOOL_UNKNOWN: there is no tool \`${params.name}\``, true);
    const calling = callTool(tool, params.arguments ?? {}, signal);
    running.add(calling);
    return calling.finally(() => running.delete(calling));
  });
  return {
    server,
    idle: async () => {
      // What was received last is begun, and what has ended is sent, in a turn of its own.
      await setImmediate();
      await Promise.allSettled(running);
      await setImmediate();
    },
  };
}

async function callTool(
  tool: OfferedTool,
  args: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const problem = compileSchema(tool.inputSchema)?.(args, "the arguments");
  if (problem !== undefined) return toldResult(`TOOL_ARGUMENTS_INVALID: ${problem}`, true);
  const { text, isError } = await tool.answer(args, signal);
  return toldResult(boundText(text, RESULT_BYTES, Buffer.byteLength(text)), isError);
}

function toldResult(text: string, isError: boolean): CallToolResult {
  return { content: [{ type: "text", text }], isError };
}
