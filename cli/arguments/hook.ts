// The commands of a bare repository's hooks: install, uninstall, run.
import { Argument, type Command, Option } from "commander";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";
import { durationMs } from "./values.ts";

export function addHookCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const hook = program
    .command("hook")
    .description("deploy with `git push` to a bare repository: plan what is pushed, refuse or apply it");
  addInstall(hook, facts, act);
  addUninstall(hook, act);
  addRun(hook, act);
}

function addInstall(hook: Command, facts: ProgramFacts, act: Act): void {
  const command = hook
    .command("install")
    .description("put the hooks into a bare repository; again: change what they do")
    .argument("<repository>", "a bare repository on this machine")
    .option("--ref <branch>", "the deploy branch of the environment (default: the repository's HEAD)")
    .option("--path <dir>", "the directory of the manifests (default: as countwheel.yaml says, else all)")
    .option("--config <file>", "settings of environments outside of the repository (default: its countwheel.yaml)")
    .option("--env-file <file>", "variables of the hooks, such as COUNTWHEEL_REDIS_URL=…; secrets belong there")
    .option("--follow <duration>", "how long a push waits for the tasks that it started (default: 10s)", durationMs)
    .addOption(
      new Option("--on-unavailable <word>", "a push that cannot be planned (default: refuse)").choices([
        "refuse",
        "accept",
      ]),
    )
    .option("--chain", "run hooks that are there already before ours", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((repository, flags) =>
    act(async () => (await import("../commands/hook-install.ts")).runHookInstall, { ...flags, repository }),
  );
}

function addUninstall(hook: Command, act: Act): void {
  const command = hook
    .command("uninstall")
    .description("take the hooks out again, or one environment; hooks that were there before come back")
    .argument("<repository>", "a bare repository on this machine")
    .option("--env <name>", "only this environment");
  withOutput(command, ["text", "json"]).action((repository, flags) =>
    act(async () => (await import("../commands/hook-uninstall.ts")).runHookUninstall, { ...flags, repository }),
  );
}

function addRun(hook: Command, act: Act): void {
  hook
    .command("run")
    .description("what the hooks call; git tells it on stdin what is pushed")
    .addArgument(new Argument("<hook>", "which one").choices(["pre-receive", "post-receive"]))
    .addHelpText("after", PUSH_OPTIONS)
    .action((name) => act(async () => (await import("../commands/hook-run.ts")).runHook, { hook: name }));
}

const PUSH_OPTIONS = `
Push options:
  -o confirm-prunes=<n>               as many records are pruned as the plan says; <env>:<n> for one of several
  -o allow-history=forced|unrelated   the branch was rewritten, and that was meant`;
