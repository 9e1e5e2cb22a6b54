// `mcp`: offers commands to other agents as an MCP server, over stdio or HTTP. It looks, unless it is told to do more.
import type { Offer, OfferedTool } from "../../runner/offered/offered-tool.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { admitByToken } from "../mcp/admit.ts";
import { applyTool } from "../mcp/apply-shown.ts";
import { callCommand } from "../mcp/call-command.ts";
import { type Allowable, type OfferedCommand, offeredCommands } from "../mcp/offered-commands.ts";
import { say, UsageFailure } from "../output.ts";
import { readVersion } from "../package-facts.ts";
import { stopped } from "../stopped.ts";

interface Listening {
  readonly host: string;
  readonly port: number;
}

export interface McpOptions extends CommonFlags {
  readonly allow: readonly Allowable[];
  /** Absent: standard input and output. */
  readonly listen?: Listening;
  /** Over HTTP: whoever asks brings a token. */
  readonly requireToken: boolean;
  readonly allowUnprotected?: boolean;
}

const INSTRUCTIONS =
  "Countwheel deploys multi-agent systems from Git. `plan` shows what an apply would change, `access` what agents may call, `trace` what happened in a task and `why` a decision of its gate. `explain` tells what a field or a code means.";

export async function runMcp(host: Host, options: McpOptions): Promise<ExitCode> {
  const redisUrl = options.redis ?? host.config.redisUrl;
  const serving = { ...host, config: { ...host.config, redisUrl, env: options.env } };
  if (options.listen !== undefined) return await listen(serving, options, options.listen);
  if (options.requireToken) throw new UsageFailure("`--require-token` is for `--listen`: stdio has one client");
  const { serveStdio } = await import("../../runner/offered/serve-stdio.ts");
  await serveStdio(offerOf(serving, options), host.signal);
  return EXIT.ok;
}

/**
 * A client that shows no API token is nobody: it may be any program on this machine, tools of agents too. So it may not say
 * yes or no to what waits for a person.
 */
async function listen(host: Host, options: McpOptions, address: Listening): Promise<ExitCode> {
  const offer = offerOf(host, { ...options, allow: options.allow.filter((what) => what !== "approve") });
  const admit = admitByToken(host, options, (theirs, allow) => offerOf(theirs, { ...options, allow }));
  const { serveHttp } = await import("../../runner/offered/serve-http.ts");
  const { mcpToken: token } = host.config;
  const server = await serveHttp(offer, { ...address, token, requiresToken: options.requireToken, admit });
  const more = options.allow.includes("approve") ? " `approve` and `deny` are for holders of API tokens." : "";
  say(host, `MCP: ${offer.tools.length} tools at ${server.url}.${more} Stop with Ctrl-C.`);
  await stopped(host.signal);
  await server.stop();
  return EXIT.ok;
}

function offerOf(host: Host, { allow, allowUnprotected }: Pick<McpOptions, "allow" | "allowUnprotected">): Offer {
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
