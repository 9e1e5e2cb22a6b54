// Commands about manifests alone: validate, schema, explain, init. They are offline and need no Redis.
import { type Command, Option } from "commander";
import { type Act, type ProgramFacts, withOutput } from "./flags.ts";

const BLUEPRINTS = ["pipeline", "hierarchical", "swarm-loop"] as const;

export function addManifestCommands(program: Command, _facts: ProgramFacts, act: Act): void {
  addInit(program, act);
  addValidate(program, act);
  addExplain(program, act);
  addSchema(program, act);
}

function addInit(program: Command, act: Act): void {
  const command = program
    .command("init")
    .description("write a working set of manifests to start from")
    .argument("[dir]", "where to", "agents")
    .addOption(new Option("--blueprint <name>", "which one").choices(BLUEPRINTS).default("pipeline"))
    .option(
      "--workflows",
      "also write GitHub workflows for plan and apply (default: where the repository is on GitHub)",
    )
    .option("--no-workflows", "write none");
  withOutput(command, ["text", "json"]).action((dir, flags) =>
    act(async () => (await import("../commands/init.ts")).runInit, { ...flags, dir }),
  );
}

function addValidate(program: Command, act: Act): void {
  const command = program
    .command("validate")
    .description("check manifests and the references between them, offline; exit 3 when one is invalid")
    .argument("[path...]", "files and directories; together they are one set (default: .)")
    .option("--each", "each directory is a set of its own", false);
  withOutput(command, ["text", "json"]).action((paths, flags) =>
    act(async () => (await import("../commands/validate.ts")).runValidate, { ...flags, paths }),
  );
}

function addExplain(program: Command, act: Act): void {
  const command = program
    .command("explain")
    .description("explain a kind, a field or a code: Agent, Agent.spec.limits, TOOL_BLOCKED")
    .argument("<subject>", "Kind, Kind.path or CODE");
  withOutput(command, ["text", "json"]).action((subject, flags) =>
    act(async () => (await import("../commands/explain.ts")).runExplain, { ...flags, subject }),
  );
}

function addSchema(program: Command, act: Act): void {
  const command = program
    .command("schema")
    .description("print the JSON Schema of a kind, or of all kinds for editors (draft-07)")
    .argument("[kind]", "a kind in any form");
  withOutput(command, ["text", "json"]).action((kind, flags) =>
    act(async () => (await import("../commands/schema.ts")).runSchema, { ...flags, kind }),
  );
}
