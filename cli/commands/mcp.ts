// `mcp`: offers commands to other agents as an MCP server, over stdio or HTTP. It looks, unless it is told to do more.
import type { Offer, OfferedTool } from "../../runner/offered/offered-tool.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { applyTool } from "../mcp/apply-shown.ts";
import { callCommand } from "../mcp/call-command.ts";
import { type Allowable, type OfferedCommand, offeredCommands } from "../mcp/offered-commands.ts";
import { say } from "../output.ts";
import { readVersion } from "../package-facts.ts";
import { stopped } from "../stopped.ts";

export interface McpOptions extends CommonFlags {
  readonly allow: readonly Allowable[];
  /** Absent: standard input and output. */
  readonly listen?: { readonly host: string; readonly port: number };
  readonly allowUnprotected?: boolean;
}

const INSTRUCTIONS =
  "Countwheel deploys multi-agent systems from Git. `plan` shows what an apply would change, `access` what agents may call, `trace` what happened in a task and `why` a decision of its gate. `explain` tells what a field or a code means.";

export async function runMcp(host: Host, options: McpOptions): Promise<ExitCode> {
  const redisUrl = options.redis ?? host.config.redisUrl;
  const offer = offerOf({ ...host, config: { ...host.config, redisUrl, env: options.env } }, options);
  if (options.listen === undefined) {
    const { serveStdio } = await import("../../runner/offered/serve-stdio.ts");
    await serveStdio(offer, host.signal);
    return EXIT.ok;
  }
  const { serveHttp } = await import("../../runner/offered/serve-http.ts");
  const server = await serveHttp(offer, { ...options.listen, token: host.config.mcpToken });
  say(host, `MCP: ${offer.tools.length} tools at ${server.url}. Stop with Ctrl-C.`);
  await stopped(host.signal);
  await server.stop();
  return EXIT.ok;
}

function offerOf(host: Host, { allow, allowUnprotected }: McpOptions): Offer {
  const stateFlags = allowUnprotected === true ? ["--allow-unprotected"] : [];
  const commands = offeredCommands(allow).map((command) => toolOf(host, command, stateFlags));
  const tools = allow.includes("apply") ? [...commands, applyTool(host, stateFlags)] : commands;
  return { version: readVersion(), instructions: INSTRUCTIONS, tools };
}

function toolOf(host: Host, command: OfferedCommand, stateFlags: readonly string[]): OfferedTool {
  const { name, description, properties, required, formats, allowedBy } = command;
  const format = { enum: formats, default: formats[0], description: "the form of the answer" };
  return {
    name,
    description,
    inputSchema: { type: "object", additionalProperties: false, required, properties: { ...properties, format } },
    readOnly: allowedBy === undefined,
    answer: (args, signal) =>
      callCommand({ ...host, signal: AbortSignal.any([host.signal, signal]) }, command, args, stateFlags),
  };
}
