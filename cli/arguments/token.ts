// The commands of API tokens: create, list, revoke.
import { type Command, Option } from "commander";
import { TOKEN_RIGHTS } from "../../contracts/api-token.ts";
import { type Act, type ProgramFacts, withOutput, withStateFlags } from "./flags.ts";
import { daysOrDurationMs } from "./values.ts";

export function addTokenCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const token = program
    .command("token")
    .description("API tokens: with one, somebody is `token:NAME` wherever it counts");
  addCreate(token, facts, act);
  addList(token, facts, act);
  addRevoke(token, facts, act);
}

function addCreate(token: Command, facts: ProgramFacts, act: Act): void {
  const command = token
    .command("create")
    .description("make a token and print it, this once; its holder sets COUNTWHEEL_TOKEN")
    .argument("<name>", "who its holder is to policies: token:NAME")
    .addOption(
      new Option("--ttl <duration>", "how long it is good for; 366d at most")
        .argParser(daysOrDurationMs)
        .default(90 * 86_400_000, "90d"),
    )
    .addOption(
      new Option("--allow <what...>", "what its holder may do, besides looking")
        .choices([...TOKEN_RIGHTS, "look"])
        .default(["approve", "run"], "approve run"),
    );
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((name, flags) =>
    act(async () => (await import("../commands/token-create.ts")).runTokenCreate, { ...flags, name }),
  );
}

function addList(token: Command, facts: ProgramFacts, act: Act): void {
  const command = token.command("list").description("who has a token, what for, made when and by whom, used when");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((flags) =>
    act(async () => (await import("../commands/token-list.ts")).runTokenList, flags),
  );
}

function addRevoke(token: Command, facts: ProgramFacts, act: Act): void {
  const command = token
    .command("revoke")
    .description("end a token, at once")
    .argument("<name>", "as `token list` shows it");
  withOutput(withStateFlags(command, facts), ["text", "json"]).action((name, flags) =>
    act(async () => (await import("../commands/token-revoke.ts")).runTokenRevoke, { ...flags, name }),
  );
}
