// Commands about the Model Context Protocol: mcp, which offers commands to other agents, and mcp pin.
import { type Command, Option } from "commander";
import { ALLOWABLE } from "../mcp/offered-commands.ts";
import { type Act, type ProgramFacts, withMachine, withOutput, withStateFlags } from "./flags.ts";
import { listenAddress } from "./values.ts";

export function addMcpCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addPin(addMcp(program, facts, act), facts, act);
}

function addMcp(program: Command, facts: ProgramFacts, act: Act): Command {
  const command = program
    .command("mcp")
    .description("offer plan, get, trace, access and more to other agents, as an MCP server over stdio")
    .option(
      "--listen <host:port>",
      "over HTTP instead, at /mcp; clients may bring a token of `token create`, or COUNTWHEEL_MCP_TOKEN",
      listenAddress,
    )
    .option("--require-token", "with --listen: answer nobody without one; needed for others than this machine", false)
    .addOption(
      new Option("--allow <what...>", "offer what changes something, too").choices(ALLOWABLE).default([], "nothing"),
    );
  return withStateFlags(command, facts).action((flags) =>
    act(async () => (await import("../commands/mcp.ts")).runMcp, flags),
  );
}

function addPin(mcp: Command, facts: ProgramFacts, act: Act): void {
  const command = mcp
    .command("pin")
    .description("write what MCP servers offer now into their manifests, as digests")
    .argument("[server...]", "name or namespace/name (default: all that are declared)")
    .option("--path <path>", "a directory or file of manifests", ".")
    .option("--check", "write nothing; exit 2 when a tool is not as it is pinned", false);
  withOutput(withStateFlags(withMachine(command), facts), ["text", "json"]).action((servers, _flags, pin) =>
    // `mcp` has flags of the same names, which take what is written for these.
    act(async () => (await import("../commands/mcp-pin.ts")).runMcpPin, { ...pin.optsWithGlobals(), servers }),
  );
}
