// What the definitions of commands share: how a body is run, and the flags that many of them have.
import { type Command, Option } from "commander";
import type { ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { environmentName } from "./values.ts";

/** Runs a command's body and records its exit code. `load` imports the body only now. */
export type Act = <O>(load: () => Promise<(host: Host, options: O) => Promise<ExitCode>>, options: O) => Promise<void>;

export interface ProgramFacts {
  readonly version: string;
  readonly env: string;
}

/** The flags that every command with a state has. */
export function withStateFlags(command: Command, facts: ProgramFacts): Command {
  return command
    .addOption(new Option("--env <name>", "the environment").argParser(environmentName).default(facts.env))
    .addOption(new Option("--redis <url>", "the Redis to use (default: COUNTWHEEL_REDIS_URL, else an embedded server)"))
    .addOption(new Option("--allow-unprotected", "use a Redis without a password that is not on this machine"));
}

export function withOutput(command: Command, formats: readonly OutputFormat[]): Command {
  return command
    .addOption(new Option("-o, --output <format>", "the form of the answer").choices(formats).default("text"))
    .option("--no-color", "no colours")
    .option("--no-input", "ask nothing (implied by CI=true)")
    .option("-v, --verbose", "say more", false);
}
