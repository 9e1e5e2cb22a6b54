// Commands about policies: packs of them.
import type { Command } from "commander";
import { type Act, type ProgramFacts, withOutput } from "./flags.ts";

export function addPolicyCommands(program: Command, _facts: ProgramFacts, act: Act): void {
  const policy = program.command("policy").description("policies to start from");
  addPacks(policy, act);
  addAdd(policy, act);
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
