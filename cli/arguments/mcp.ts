// Commands about the Model Context Protocol: mcp, which offers commands to other agents, mcp pin and mcp login.
import { type Command, Option } from "commander";
import { ALLOWABLE } from "../mcp/offered-commands.ts";
import { type Act, type ProgramFacts, withMachine, withOutput, withStateFlags } from "./flags.ts";
import { collect, environmentName, listenAddress, portNumber } from "./values.ts";

export function addMcpCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const mcp = addMcp(program, facts, act);
  addPin(mcp, facts, act);
  addLogin(mcp, facts, act);
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

function addLogin(mcp: Command, facts: ProgramFacts, act: Act): void {
  const command = mcp
    .command("login")
    .description("log in at an MCP server with a browser, once for all runners; what that gives is sealed for them")
    .argument("<server>", "name or namespace/name")
    .option("--path <path>", "a directory or file of manifests", ".")
    .option(
      "--scope <scope>",
      "ask for it, beside those of the manifest (repeatable; default: what the server asks for)",
      collect,
      [],
    )
    .option("--client-id <id>", "a client that the issuer knows, or the URL of its metadata (default: registers one)")
    .option("--client-secret-file <file>", "the file with that client's secret; `-`: typed, or piped in")
    .option("--port <port>", "the port of this machine that the browser comes back to (default: any)", portNumber, 0)
    .option("--no-browser", "the browser is on another machine: paste the address at which it ends")
    .option("--secret <name>", "the Secret for the login (default: that of the manifest, or <server>-login)")
    .option("--write <file>", "put the sealed login into this manifest file, and `auth` into the server's own")
    .option(
      "--recipient <age1…>",
      "whom it is sealed for (repeatable; default: age_recipients of the environment)",
      collect,
      [],
    )
    .option("--config <file>", "the settings of environments (default: countwheel.yaml at the repository's root)")
    .addOption(new Option("--env <name>", "the environment").argParser(environmentName).default(facts.env))
    .option("-y, --yes", "go on without being asked", false);
  withOutput(command, ["text", "json"]).action((server, _flags, login) =>
    act(async () => (await import("../commands/mcp-login.ts")).runMcpLogin, { ...login.optsWithGlobals(), server }),
  );
}
