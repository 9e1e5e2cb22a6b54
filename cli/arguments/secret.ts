// The commands of sealed secrets: seal, keygen.
import type { Command } from "commander";
import { Option } from "commander";
import { type Act, type ProgramFacts, withOutput } from "./flags.ts";
import { collect, environmentName } from "./values.ts";

export function addSecretCommands(program: Command, facts: ProgramFacts, act: Act): void {
  const secret = program.command("secret").description("seal values of Secrets with age, so that Git may hold them");
  addSeal(secret, facts, act);
  addKeygen(secret, act);
}

function addSeal(secret: Command, facts: ProgramFacts, act: Act): void {
  const command = secret
    .command("seal")
    .description("encrypt a value for one key of one Secret; the value is typed, piped in, or read from a file")
    .argument("<secret>", "name, name:key or namespace/name:key (key: value)")
    .option(
      "--recipient <age1…>",
      "whom it is for (repeatable; default: age_recipients of the environment)",
      collect,
      [],
    )
    .option("--from-file <file>", "the file that holds the value")
    .option("--write <file>", "put it into this manifest file, instead of printing it")
    .option("--config <file>", "the settings of environments (default: countwheel.yaml at the repository's root)")
    .addOption(new Option("--env <name>", "the environment").argParser(environmentName).default(facts.env));
  withOutput(command, ["text", "yaml", "json"]).action((name, flags) =>
    act(async () => (await import("../commands/secret-seal.ts")).runSecretSeal, { ...flags, secret: name }),
  );
}

function addKeygen(secret: Command, act: Act): void {
  const command = secret
    .command("keygen")
    .description("make the age identity with which runners open what is sealed; prints its recipient")
    .argument("<file>", "where to; never over a file that is there");
  withOutput(command, ["text", "json"]).action((file, flags) =>
    act(async () => (await import("../commands/secret-keygen.ts")).runSecretKeygen, { ...flags, file }),
  );
}
