// Commands that run things: run, runner, cancel, retry, resolve, approve, deny, down, demo, completion.
import { Argument, type Command } from "commander";
import { RUNNER_LIMITS } from "../../runner/limits.ts";
import {
  type Act,
  type ProgramFacts,
  withMachine,
  withOutput,
  withPerson,
  withStateFlags,
  withTools,
} from "./flags.ts";
import { addMcpCommands } from "./mcp.ts";
import { addTokenCommands } from "./token.ts";
import { collect, commaList, durationMs, httpUrl, leaseDuration, wholeNumber } from "./values.ts";

export function addOperateCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addRun(program, facts, act);
  addRunner(program, facts, act);
  addCancel(program, facts, act);
  addRetry(program, facts, act);
  addResolve(program, facts, act);
  addAnswers(program, facts, act);
  addTokenCommands(program, facts, act);
  addDown(program, act);
  addDemo(program, act);
  addCompletion(program, act);
  addMcpCommands(program, facts, act);
}

function addRun(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("run")
    .description("run an agent system once; prints the task's name")
    .argument("<system>", "an AgentSystem that has been applied")
    .option("-n, --namespace <name>", "the system's namespace (default: default)")
    .option("--input <key=value>", "one input (repeatable)", collect, [])
    .option("--input-file <file>", "inputs as a JSON object")
    .option("--github", "run it as the user of your GITHUB_TOKEN, as GitHub knows them: github:LOGIN", false)
    .option("--wait", "wait for the end; exit 4 when policy denied, 1 when it failed", false)
    .option("--timeout <duration>", "how long to wait (default: 10m)", durationMs, 600_000);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((system, flags) =>
    act(async () => (await import("../commands/run.ts")).runRun, { ...flags, system }),
  );
}

function addRunner(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("runner")
    .description("claim and run activations until stopped; SIGTERM drains")
    .option("--id <name>", "the runner's name (default: host and process)")
    .option("--concurrency <n>", "activations at once (default: 4)", wholeNumber)
    .option(
      "--lease <profile>",
      "how long a lease lasts without renewal: `default` (5s), `relaxed` (20s, for slow networks), or a duration (default: 5s)",
      leaseDuration,
      RUNNER_LIMITS.leaseMs,
    )
    .option(
      "--drain-timeout <duration>",
      "how long SIGTERM waits for work under way (default: 30s)",
      durationMs,
      30_000,
    )
    .option(
      "--keep-tasks <n>",
      "tasks that Redis keeps at most; the oldest that ended are dropped (default: 10000)",
      wholeNumber,
    )
    .option(
      "--keep-for <duration>",
      "how long ended tasks are kept (default: 168h; 720h where they failed)",
      durationMs,
    )
    .option("--region <name>", "where it is: it takes tasks that require this region, or none")
    .option("--gpu", "it has a GPU: it takes tasks that require one")
    .option("--models <names>", "models that it serves, separated by commas (default: all)", commaList)
    .option("--previews", "work in previews, too: Tasks of pull requests that nobody has merged (docs/previews.md)")
    .option("--previews-only", "work in previews and nowhere else, as on a machine with fewer secrets")
    .option(
      "--callback-url <url>",
      "where tools of type webhook-callback reach `reconcile --listen`; without it they are only asked for their answers",
      httpUrl,
    );
  withOutput(withStateFlags(withMachine(withTools(command)), facts), ["text", "jsonl"]).action((flags) =>
    act(async () => (await import("../commands/runner.ts")).runRunner, flags),
  );
}

function addCancel(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("cancel")
    .description("end a task: running calls are aborted, nothing new starts")
    .argument("<task>", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)");
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json"]).action((task, flags) =>
    act(async () => (await import("../commands/cancel.ts")).runCancel, { ...flags, task }),
  );
}

function addRetry(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("retry")
    .description("let a task that is Failed or DeadLetter go on from where it stopped; what is done is not done again")
    .argument("<task>", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)")
    .option("--from-start", "begin anew: every agent runs again, and so does every write", false)
    .option("--reset-budget", "forget what was spent; with --from-start", false);
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json"]).action((task, flags) =>
    act(async () => (await import("../commands/retry.ts")).runRetry, { ...flags, task }),
  );
}

function addResolve(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("resolve")
    .description("tell what became of a write that a runner's death left open (phase Unknown)")
    .argument("<task>", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)")
    .option("--done", "it happened; go on with --result", false)
    .option("--result <text>", "what the tool answered")
    .option("--retry", "it did not happen; call it again", false)
    .option("--fail", "end the task as failed", false);
  withOutput(withStateFlags(withPerson(command), facts), ["text", "json"]).action((task, flags) =>
    act(async () => (await import("../commands/resolve.ts")).runResolve, { ...flags, task }),
  );
}

function addAnswers(program: Command, facts: ProgramFacts, act: Act): void {
  const words = {
    approve: "allow a call that waits for a person, exactly as it was asked, once",
    deny: "refuse a call that waits for a person; the agent reads the reason where the policy lets it go on",
  };
  for (const [word, description] of Object.entries(words)) {
    const command = program
      .command(word)
      .description(description)
      .argument("<approval>", "its name, as `get approvals` lists it")
      .option("-n, --namespace <name>", "the namespace (default: default)")
      .option("--reason <text>", "why, for the trace")
      .option("--github", "answer as the user of your GITHUB_TOKEN, as GitHub knows them: github:LOGIN", false)
      .option(
        "--as <name>",
        "what you want to be called in the trace; who counts is COUNTWHEEL_TOKEN or --github, else this machine's user",
      );
    withOutput(withStateFlags(command, facts), ["text", "json"]).action((approval, flags) =>
      act(
        async () => {
          const { runApprove, runDeny } = await import("../commands/answer-approval.ts");
          return word === "approve" ? runApprove : runDeny;
        },
        { ...flags, approval },
      ),
    );
  }
}

function addDown(program: Command, act: Act): void {
  const command = program.command("down").description("stop the embedded Redis of this directory; its data stays");
  withOutput(command, ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/down.ts")).runDown, flags),
  );
}

function addDemo(program: Command, act: Act): void {
  const command = program
    .command("demo")
    .description("show the whole line in a throw-away repository: commit, plan, apply, run, trace, git push");
  withOutput(command, ["text"]).action((flags) =>
    act(async () => (await import("../commands/demo.ts")).runDemo, flags),
  );
}

function addCompletion(program: Command, act: Act): void {
  program
    .command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(["bash", "zsh", "fish"]))
    .action((shell) => act(async () => (await import("../commands/completion.ts")).runCompletion, { shell, program }));
}
