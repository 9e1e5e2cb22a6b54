// Commands about policies: packs of them, what they would have decided, and why something was.
import type { Command } from "commander";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";
import { withSource } from "./plan.ts";
import { daysOrDurationMs, wholeNumber } from "./values.ts";

export function addPolicyCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const policy = program
    .command("policy")
    .description("policies to start from, and what changed ones would have decided");
  addPacks(policy, act);
  addAdd(policy, act);
  addReplay(policy, facts, act);
}

function addPacks(policy: Command, act: Act): void {
  const command = policy.command("packs").description("list the policies that come with the program");
  withOutput(command, ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/policy-packs.ts")).runPolicyPacks, flags),
  );
}

function addAdd(policy: Command, act: Act): void {
  const command = policy
    .command("add")
    .description("copy a pack, with its tests, into `policies/` beside your manifests; never over a file that is there")
    .argument("<pack>", "its name, see `policy packs`")
    .argument("[dir]", "the directory of the manifests", "agents");
  withOutput(command, ["text", "json"]).action((pack, dir, flags) =>
    act(async () => (await import("../commands/policy-packs.ts")).runPolicyAdd, { ...flags, pack, dir }),
  );
}

function addReplay(policy: Command, facts: ProgramFacts, act: Act): void {
  const command = policy
    .command("replay")
    .description(
      "make recorded decisions again under these manifests' policies, and list those that come out otherwise",
    )
    .argument("[path]", "a directory or file of a working tree (default: .)")
    .option("--since <duration>", "how far back: 7d, 12h (default: 7d)", daysOrDurationMs, 7 * 86_400_000)
    .option("--limit <n>", "the newest decisions at most", wholeNumber, 20_000)
    .option("--detailed-exitcode", "exit 2 when a decision comes out otherwise", false);
  withOutput(withStateFlags(withSource(command), facts), ["text", "json"]).action((path, flags) =>
    act(async () => (await import("../commands/policy-replay.ts")).runPolicyReplay, { ...flags, folder: path }),
  );
}
