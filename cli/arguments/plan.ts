// Commands that compare Git with the state, and carry the difference out: plan, apply, drift, reconcile, up.
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  type Act,
  type ProgramFacts,
  withMachine,
  withOutput,
  withPerson,
  withStateFlags,
  withTools,
} from "./flags.ts";
import { collect, durationMs, listenAddress, wholeNumber } from "./values.ts";

export function addPlanCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addPlan(program, facts, act);
  addApply(program, facts, act);
  addDrift(program, facts, act);
  addReconcile(program, facts, act);
  addUp(program, facts, act);
}

export function withSource(command: Command): Command {
  return command
    .option("--repo <url|dir>", "plan a commit of this repository instead of a working tree")
    .option("--ref <ref>", "branch, tag or commit (default: HEAD)")
    .option("--path <dir>", "the directory within the repository")
    .option("--config <file>", "the settings of environments (default: countwheel.yaml at the repository's root)");
}

function withAcceptNewState(command: Command): Command {
  return command.option(
    "--accept-new-state",
    "go on although the state is another one than before: everything is applied as new, and Tasks run again",
    false,
  );
}

function addPlan(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("plan")
    .description("show what an apply would change")
    .argument("[path]", "a directory or file of a working tree (default: .)")
    .option("--against <state|ref>", "compare with the state, or with the manifests of a ref (needs no Redis)", "state")
    .option("--out <file>", "save the plan, for `countwheel apply <file>`")
    .option("--detailed-exitcode", "exit 2 when there are changes", false);
  withOutput(withStateFlags(withSource(command), facts), ["text", "json", "markdown"]).action((path, flags) =>
    act(async () => (await import("../commands/plan.ts")).runPlan, { ...flags, folder: path }),
  );
}

function addApply(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("apply")
    .description("carry out a plan: a saved one exactly, or a new one of a directory or commit")
    .argument("[path|plan.json]", "a directory, a file, or a saved plan (default: .)")
    .option("--yes", "do not ask", false)
    .option("--confirm-prunes <n>", "apply only if exactly so many records are pruned", wholeNumber)
    .option("--override-freeze <why>", "apply although the environment is frozen; the history keeps why")
    .addOption(allowHistory());
  withOutput(withStateFlags(withPerson(withAcceptNewState(withSource(command))), facts), [
    "text",
    "json",
    "markdown",
  ]).action((target, flags) => act(async () => (await import("../commands/apply.ts")).runApply, { ...flags, target }));
}

function allowHistory(): Option {
  return new Option("--allow-history <kind...>", "apply although the branch was rewritten")
    .choices(["forced", "unrelated"])
    .default([]);
}

function addDrift(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("drift")
    .description("show where the state or the world differs from what was applied; exit 2 when it does")
    .argument("[path]", "a directory or file of a working tree (default: .)")
    .option("--offline", "ask no name server about endpoints", false);
  withOutput(withStateFlags(withSource(command), facts), ["text", "json"]).action((path, flags) =>
    act(async () => (await import("../commands/drift.ts")).runDrift, { ...flags, folder: path }),
  );
}

function addReconcile(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("reconcile")
    .description("watch a repository and apply what reaches its branch")
    .option("--interval <duration>", "how often to look (default: 30s)", durationMs, 30_000)
    .option("--once", "look once and end", false)
    .option("--all", "look after every environment of countwheel.yaml, each with a leader of its own", false)
    .option("--confirm-prunes <n>", "apply prunes that wait for it, if they are exactly so many; once", wholeNumber)
    .option("--dry-run", "plan and say, write nothing; may run beside a live one", false)
    .option(
      "--listen <host:port>",
      "hear webhooks there: GitHub's at /webhook (needs COUNTWHEEL_WEBHOOK_SECRET), TaskWebhooks at /hooks/<env>/<namespace>/<name>",
      listenAddress,
    )
    .option(
      "--secret-env <pattern>",
      "variables that the secrets of TaskWebhooks may name (repeatable; default COUNTWHEEL_SECRET_*)",
      collect,
      [],
    )
    .option(
      "--secret-dir <dir>",
      "folder whose files they may name, those of SOPS too (repeatable; default none)",
      collect,
      [],
    )
    .option("--age-identity <file>", "opens those that are sealed (repeatable)", collect, [])
    .option(
      "--github <owner/name>",
      "show plans, applies and what waits for an answer on this repository's pages (needs GITHUB_TOKEN, or COUNTWHEEL_GITHUB_APP_ID and COUNTWHEEL_GITHUB_APP_PRIVATE_KEY)",
      repositoryName,
    )
    .addOption(allowHistory());
  withOutput(withStateFlags(withAcceptNewState(withSource(command)), facts), ["text", "jsonl"]).action((flags) =>
    act(async () => (await import("../commands/reconcile.ts")).runReconcile, flags),
  );
}

function addUp(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("up")
    .description("development: an embedded Redis, a reconciler that watches a directory, and one runner")
    .argument("[path]", "the directory", ".")
    .option("--listen <host:port>", "hear TaskWebhooks there, at /hooks/<env>/<namespace>/<name>", listenAddress)
    .option("--concurrency <n>", "activations at once", wholeNumber, 4);
  const whole = withMachine(withTools(withAcceptNewState(command)));
  withOutput(withStateFlags(whole, facts), ["text"]).action((path, flags) =>
    act(async () => (await import("../commands/up.ts")).runUp, { ...flags, folder: path }),
  );
}

function repositoryName(text: string): string {
  if (/^[\w.-]+\/[\w.-]+$/.test(text)) return text;
  throw new InvalidArgumentError("it has the form owner/name.");
}
