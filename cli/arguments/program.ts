// The command line as commander sees it: light, so that `--help` starts at once. What a command does is loaded when it runs.
import { Command } from "commander";
import { EXIT_CODE_HELP } from "../exit-codes.ts";
import type { Act, ProgramFacts } from "./flags.ts";
import { HELP } from "./help.ts";
import { addHistoryCommands } from "./history.ts";
import { addHookCommands } from "./hook.ts";
import { addInspectCommands } from "./inspect.ts";
import { addManifestCommands } from "./manifests.ts";
import { addOperateCommands } from "./operate.ts";
import { addPlanCommands } from "./plan.ts";
import { addPolicyCommands } from "./policy.ts";
import { addRecoverCommands } from "./recover.ts";
import { addSecretCommands } from "./secret.ts";

export function makeProgram(facts: ProgramFacts, act: Act): Command {
  const program = new Command("countwheel")
    .description("GitOps for multi-agent AI systems: plan, apply, run, gate and trace agents from a Git repository.")
    .version(facts.version, "-V, --version", "print the version")
    .helpCommand("help [command]", "help for a command")
    .showHelpAfterError("(add --help for the options)")
    .configureHelp(HELP)
    .showSuggestionAfterError(true)
    .addHelpText("after", `\n${EXIT_CODE_HELP}\n\nStart: countwheel init, then countwheel up`);
  addManifestCommands(program.commandsGroup("Write manifests:"), facts, act);
  addPolicyCommands(program.commandsGroup("Write manifests:"), facts, act);
  addSecretCommands(program.commandsGroup("Write manifests:"), facts, act);
  addPlanCommands(program.commandsGroup("Deploy them:"), facts, act);
  addHookCommands(program.commandsGroup("Deploy them:"), facts, act);
  addHistoryCommands(program.commandsGroup("Hold and go back:"), facts, act);
  addInspectCommands(program.commandsGroup("Look:"), facts, act);
  addOperateCommands(program.commandsGroup("Run and operate:"), facts, act);
  addRecoverCommands(program.commandsGroup("Recover:"), facts, act);
  program.commandsGroup("Other:");
  return program;
}
