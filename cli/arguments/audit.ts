// The commands of the audit trail: verify, export, keygen, prune, erase.
import type { Command } from "commander";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";
import { durationMs } from "./values.ts";

export function addAuditCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const audit = program.command("audit").description("verify the audit trail, export it, sign it, keep it short");
  addVerify(audit, facts, act);
  addExport(audit, facts, act);
  addKeygen(audit, act);
  addPrune(audit, facts, act);
  addErase(audit, facts, act);
}

function addVerify(audit: Command, facts: ProgramFacts, act: Act): void {
  const command = audit
    .command("verify")
    .description("check every hash, link, number and signature; names what was altered, dropped, reordered or cut")
    .argument("[what]", "only this task; or a file.jsonl of `audit export`, which needs no Redis")
    .option("-n, --namespace <name>", "the task's namespace (default: default)")
    .option("--public-key <file>", "what signed heads must be signed with (default: the key that each names)");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((what, flags) =>
    act(async () => (await import("../commands/audit.ts")).runAuditVerify, { ...flags, what }),
  );
}

function addExport(audit: Command, facts: ProgramFacts, act: Act): void {
  const command = audit
    .command("export")
    .description("write traces, applies and the audit log as JSON lines")
    .argument("[file]", "where to (default: stdout)")
    .option("--since <duration>", "only traces of tasks that ended in this time, or go on", durationMs)
    .option("--task <name>", "only the trace of this task, name or namespace/name")
    .option("-n, --namespace <name>", "the task's namespace (default: default)");
  withOutput(withStateFlags(command, facts), ["text"]).action((file, flags) =>
    act(async () => (await import("../commands/audit-export.ts")).runAuditExport, { ...flags, file }),
  );
}

function addKeygen(audit: Command, act: Act): void {
  const command = audit
    .command("keygen")
    .description("make the Ed25519 key for COUNTWHEEL_AUDIT_KEY, and its public half beside it")
    .argument("<file>", "the private key; the public one is `<file>.pub`");
  withOutput(command, ["text", "json"]).action((file, flags) =>
    act(async () => (await import("../commands/audit-keygen.ts")).runAuditKeygen, { ...flags, file }),
  );
}

function addPrune(audit: Command, facts: ProgramFacts, act: Act): void {
  const command = audit
    .command("prune")
    .description("forget the oldest entries of the audit log, up to a signed head, which stays")
    .requiredOption("--before <duration>", "nothing younger than this goes, such as 2160h", durationMs)
    .option("--yes", "they are exported, or not needed any more", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/audit-prune.ts")).runAuditPrune, flags),
  );
}

function addErase(audit: Command, facts: ProgramFacts, act: Act): void {
  const command = audit
    .command("erase")
    .description(
      "erase what was said in a task that has ended; hashes, numbers and decisions stay, and so does its chain",
    )
    .argument("<task>", "name or namespace/name")
    .requiredOption("--reason <why>", "for the audit log")
    .option("--as <name>", "what you are called in the audit log")
    .option("-n, --namespace <name>", "the namespace (default: default)")
    .option("--yes", "it is exported, or must not be kept", false);
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((task, flags) =>
    act(async () => (await import("../commands/audit-erase.ts")).runAuditErase, { ...flags, task }),
  );
}
