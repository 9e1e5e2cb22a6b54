// Commands that look and change nothing: get, describe, trace, audit, history, doctor.
import { Argument, type Command } from "commander";
import { addAuditCommands } from "./audit.ts";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";
import { withSource } from "./plan.ts";
import { collect, wholeNumber } from "./values.ts";

export function addInspectCommands(program: Command, facts: ProgramFacts, act: Act): void {
  addGet(program, facts, act);
  addDescribe(program, facts, act);
  addTrace(program, facts, act);
  addAccess(program, facts, act);
  addWhy(program, facts, act);
  addAuditCommands(program, facts, act);
  addHistory(program, facts, act);
  addDoctor(program, facts, act);
}

function addGet(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("get")
    .description("list what the state holds, or one resource of it; tasks are the running ones")
    .argument("<kind>", "a kind in any form: agents, task, ap …; also runners, budgets, deadletters")
    .argument("[name]", "name or namespace/name")
    .option("-n, --namespace <name>", "only this namespace")
    .option("--phase <phase>", "only tasks in this phase; `get deadletters` is short for DeadLetter")
    .option("-w, --watch", "print rows again when they change", false);
  withOutput(withStateFlags(command, facts), ["text", "wide", "json", "jsonl", "yaml", "name"]).action(
    (kind, name, flags) => act(async () => (await import("../commands/get.ts")).runGet, { ...flags, kind, name }),
  );
}

function addDescribe(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("describe")
    .description("tell everything about one resource or task")
    .argument("<kind>", "a kind in any form")
    .argument("<name>", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((kind, name, flags) =>
    act(async () => (await import("../commands/describe.ts")).runDescribe, { ...flags, kind, name }),
  );
}

function addTrace(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("trace")
    .description("show what happened in a task: turns, tool calls, decisions, tokens, time")
    .argument("<task>", "name or namespace/name")
    .option("-n, --namespace <name>", "the namespace (default: default)")
    .option("-f, --follow", "print events while they happen", false)
    .option("--artifact <id>", "print a result that was kept whole, which the trace names");
  withOutput(withStateFlags(command, facts), ["text", "json", "jsonl"]).action((task, flags) =>
    flags.artifact === undefined
      ? act(async () => (await import("../commands/trace.ts")).runTrace, { ...flags, task })
      : act(async () => (await import("../commands/trace-artifact.ts")).runTraceArtifact, {
          ...flags,
          task,
          artifact: flags.artifact,
        }),
  );
}

function addAccess(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("access")
    .description("show what agents may call, within which bounds, and the line that says so; of the state unless told")
    .argument("[agent]", "name or namespace/name (default: all)")
    .argument("[path]", "a directory or file: of these manifests instead of the state (also alone, where it exists)");
  withOutput(withStateFlags(withSource(command), facts), ["text", "json"]).action((agent, path, flags) =>
    act(async () => (await import("../commands/access.ts")).runAccess, { ...flags, agent, folder: path }),
  );
}

function addWhy(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("why")
    .description("explain a decision of the gate: each rule with its line at the commit, and how to allow the call")
    .argument("<decision>", "its id, from a trace or a denial");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((decision, flags) =>
    act(async () => (await import("../commands/why.ts")).runWhy, { ...flags, decision }),
  );
}

function addHistory(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("history")
    .description("list the applies of an environment, newest first, or show one with all of its records")
    .addArgument(new Argument("[show]", "`show` one apply").choices(["show"]))
    .argument("[apply]", "its number")
    .option("--limit <n>", "how many", wholeNumber, 20);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((action, serial, flags) =>
    act(async () => (await import("../commands/history.ts")).runHistory, { ...flags, action, serial }),
  );
}

function addDoctor(program: Command, facts: ProgramFacts, act: Act): void {
  const command = program
    .command("doctor")
    .description("check this machine and the Redis, and say how to mend what is wrong")
    .option("--age-identity <file>", "try it on the sealed values of the environment (repeatable)", collect, []);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/doctor.ts")).runDoctor, flags),
  );
}
