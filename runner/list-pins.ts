// Opens MCP servers to see what they offer, calls nothing, and ends them: for those who pin what they have looked at.
import { addressOf } from "../contracts/address.ts";
import { redactFailure } from "./gate/redact.ts";
import { type LookingGround, lookingGround } from "./looking-ground.ts";
import { McpSupervisor } from "./mcp/supervisor.ts";
import { redactorOf } from "./secrets/redactor-of.ts";
import { openSecrets } from "./secrets/secrets.ts";
import { type Entries, findServer } from "./tools/find-manifest.ts";
import { pinnedTexts, pinsOf } from "./tools/mcp-tools.ts";
import { OpenServers } from "./tools/open-servers.ts";

export interface ServerName {
  readonly namespace: string;
  readonly name: string;
}

/** What one server offers now. */
export interface Offered {
  /** Tool, by the server's own name for it → what a pin of it would hold. */
  readonly pins: Readonly<Record<string, string>>;
  /** By digest: what the tools that are pinned are now. */
  readonly texts: ReturnType<typeof pinnedTexts>;
}

/**
 * For each server in the order asked for; of tools that its `tool_filter` leaves out nothing is said. Throws what the server, its secrets or its connection throw, without
 * a secret in it. A server that has changed since its manifest was pinned is no failure here.
 */
export async function listPins(
  entries: Entries,
  servers: readonly ServerName[],
  ground: LookingGround,
  signal: AbortSignal,
): Promise<readonly Offered[]> {
  const mcp = new McpSupervisor();
  const secrets = openSecrets(entries, ground.secrets, signal);
  const hasSecret = (namespace: string, name: string): boolean =>
    entries[addressOf({ kind: "Secret", namespace, name })] !== undefined;
  const machine = lookingGround(ground);
  const opened = new OpenServers({ mcp, secrets, ground: machine, hasSecret }, signal);
  try {
    const offered: Offered[] = [];
    for (const { namespace, name } of servers) {
      const server = findServer(entries, namespace, name);
      if (server === undefined) throw new TypeError(`there is no McpServer ${namespace}/${name}`);
      const open = await opened.open(server);
      const pins = visible(pinsOf(open), server.spec.tool_filter?.include ?? []);
      offered.push({ pins, texts: pinnedTexts(open) });
    }
    return offered;
  } catch (error) {
    throw redactFailure(error, redactorOf(secrets));
  } finally {
    await opened.close();
    await mcp.close();
    await machine.containers.close();
  }
}

function visible(pins: Readonly<Record<string, string>>, include: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(pins).filter(([tool]) => include.length === 0 || include.includes(tool)));
}
