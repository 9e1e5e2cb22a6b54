// Commands that go back and that hold: rollback, suspend, resume, seal.
import type { Command } from "commander";
import { type Act, type ProgramFacts, withOutput, withPerson, withStateFlags } from "./flags.ts";
import { wholeNumber } from "./values.ts";

export function addHistoryCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addRollback(program, facts, act);
  addSuspend(program, facts, act);
  addResume(program, facts, act);
  addSeal(program, facts, act);
}

function addRollback(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("rollback")
    .description(
      "bring back what the state held after an apply; the reconciler then waits for a new commit or `resume`",
    )
    .requiredOption("--to <apply|commit>", "the number of an apply, or the commit that it applied: see history")
    .option("--yes", "do not ask", false)
    .option("--confirm-prunes <n>", "apply only if exactly so many records are pruned", wholeNumber)
    .option("--config <file>", "the settings of environments (default: countwheel.yaml at the repository's root)")
    .option("--override-freeze <why>", "apply although the environment is frozen; the history keeps why");
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json", "markdown"]).action((flags) =>
    act(async () => (await import("../commands/rollback.ts")).runRollback, flags),
  );
}

function addSuspend(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("suspend")
    .description(
      "apply nothing any more to an environment, or to one resource; an agent, a system, a tool, a model or a namespace begins no call any more, either",
    )
    .argument("[kind]", "a kind, Kind/name or namespace/NAME (default: the whole environment)")
    .argument("[name]", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)")
    .option("--reason <text>", "why, for everybody who meets it");
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json"]).action((kind, name, flags) =>
    act(async () => (await import("../commands/suspend.ts")).runSuspend, { ...flags, kind, name }),
  );
}

function addResume(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("resume")
    .description(
      "lift a suspension; for an environment also the wait after a rollback, and accept the rewritten branch that is held",
    )
    .argument("[kind]", "a kind, Kind/name or namespace/NAME (default: the environment itself)")
    .argument("[name]", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)");
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json"]).action((kind, name, flags) =>
    act(async () => (await import("../commands/resume.ts")).runResume, { ...flags, kind, name }),
  );
}

function addSeal(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("seal")
    .description("believe what the state holds now, and seal it with the first key of COUNTWHEEL_STATE_KEY")
    .option("--yes", "do not ask", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/seal.ts")).runSeal, flags),
  );
}
