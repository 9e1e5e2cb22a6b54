// Commands for the day on which a Redis was lost, or is left for another: rebuild, export, import.
import type { Command } from "commander";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";

export function addRecoverCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addRebuild(program, facts, act);
  addExport(program, facts, act);
  addImport(program, facts, act);
}

function addRebuild(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("rebuild")
    .description("restore a lost state from Git, at the commit that was applied last; Tasks are not run again")
    .option("--repo <url|dir>", "the repository (default: the one around this directory)")
    .option("--ref <ref>", "the branch, for the command to run next")
    .option("--path <dir>", "the directory within the repository")
    .option("--commit <sha>", "the commit that was applied last (default: the one that is remembered here)")
    .option("--config <file>", "the settings of environments (default: countwheel.yaml at the repository's root)")
    .option("--as <name>", "who rebuilds, for the history");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/rebuild.ts")).runRebuild, flags),
  );
}

function addExport(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("export")
    .description("write an environment's state as JSON lines: records, history, suspensions")
    .argument("[file]", "where to (default: stdout)")
    .option("--with-secrets", "also the records that hold secrets; without it they are named as left out", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((file, flags) =>
    act(async () => (await import("../commands/export.ts")).runExport, { ...flags, file }),
  );
}

function addImport(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("import")
    .description("put an export into an empty environment, verified line by line, all of it or nothing")
    .argument("<file>", "what export wrote")
    .option("--accept-unsealed", "believe a file without a seal, although a state key is set", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((file, flags) =>
    act(async () => (await import("../commands/import.ts")).runImport, { ...flags, file }),
  );
}
