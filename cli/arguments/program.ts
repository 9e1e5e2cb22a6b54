// The command line as commander sees it: light, so that `--help` starts at once. What a command does is loaded when it runs.
import { Command, Option } from "commander";
import { EXIT_CODE_HELP, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { addInspectCommands } from "./inspect.ts";
import { addManifestCommands } from "./manifests.ts";
import { addOperateCommands } from "./operate.ts";
import { addPlanCommands } from "./plan.ts";

/** Runs a command's body and records its exit code. `load` imports the body only now. */
export type Act = <O>(load: () => Promise<(host: Host, options: O) => Promise<ExitCode>>, options: O) => Promise<void>;

export interface ProgramFacts {
  readonly version: string;
  readonly env: string;
}

export function makeProgram(facts: ProgramFacts, act: Act): Command {
  const program = new Command("countwheel")
    .description("GitOps for multi-agent AI systems: plan, apply, run, gate and trace agents from a Git repository.")
    .version(facts.version, "-V, --version", "print the version")
    .helpCommand("help [command]", "help for a command")
    .showHelpAfterError("(add --help for the options)")
    .configureHelp({ subcommandTerm: (command) => command.name(), minWidthToWrap: 60 })
    .showSuggestionAfterError(true)
    .addHelpText("after", `\n${EXIT_CODE_HELP}\n\nStart: countwheel init, then countwheel up`);
  addManifestCommands(program.commandsGroup("Write manifests:"), facts, act);
  addPlanCommands(program.commandsGroup("Deploy them:"), facts, act);
  addInspectCommands(program.commandsGroup("Look:"), facts, act);
  addOperateCommands(program.commandsGroup("Run and operate:"), facts, act);
  program.commandsGroup("Other:");
  return program;
}

/** The flags that every command with a state has. */
export function withStateFlags(command: Command, facts: ProgramFacts): Command {
  return command
    .addOption(new Option("--env <name>", "the environment").default(facts.env))
    .addOption(new Option("--redis <url>", "the Redis to use (default: COUNTWHEEL_REDIS_URL, else an embedded server)"))
    .addOption(new Option("--allow-unprotected", "use a Redis without a password that is not on this machine"));
}

export function withOutput(command: Command, formats: readonly OutputFormat[]): Command {
  return command
    .addOption(new Option("-o, --output <format>", "the form of the answer").choices(formats).default("text"))
    .option("--no-color", "no colours")
    .option("--no-input", "ask nothing (implied by CI=true)")
    .option("-v, --verbose", "say more", false);
}
