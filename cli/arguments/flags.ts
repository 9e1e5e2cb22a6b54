// What the definitions of commands share: how a body is run, and the flags that many of them have.
import { type Command, Option } from "commander";
import type { ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { collect, environmentName } from "./values.ts";

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

/** What manifests may use of this machine, for commands that open secrets and start programs. */
export function withMachine(command: Command): Command {
  return command
    .option(
      "--secret-env <pattern>",
      "variables that Secrets may name (repeatable; default *_API_KEY, COUNTWHEEL_SECRET_*)",
      collect,
      [],
    )
    .option(
      "--secret-dir <dir>",
      "folder whose files Secrets may name, those of SOPS too (repeatable; default none)",
      collect,
      [],
    )
    .option("--age-identity <file>", "opens sealed secrets (repeatable; beside COUNTWHEEL_AGE_IDENTITY)", collect, [])
    .option(
      "--allow-command <program>",
      "program that MCP servers and cli tools may be: a name, or a path with * (repeatable; default all)",
      (one: string, before?: readonly string[]) => collect(one, before ?? []),
    )
    .option(
      "--allow-image <pattern>",
      "image that MCP servers and cli tools may run from, such as 'ghcr.io/acme/*@sha256:*' (repeatable; default none)",
      collect,
      [],
    );
}

/** Beside what `withMachine` has: what the tools of tasks may reach, for commands that run tasks. */
export function withTools(command: Command): Command {
  return command
    .option(
      "--private-host <name>",
      "host of an HTTP tool or a model that may lead to a private address (repeatable; default none)",
      collect,
      [],
    )
    .option(
      "--wasm-dir <dir>",
      "folder below which modules of type wasm may lie (repeatable; default none)",
      collect,
      [],
    );
}

/** Whoever asks for it, as others will read it. A name is checked by nobody: nothing is decided from it. */
export function withPerson(command: Command): Command {
  return command
    .option("--github", "go under the user of your GITHUB_TOKEN, as GitHub knows them: github:LOGIN", false)
    .option(
      "--as <name>",
      "what you want to be called there (default: GITHUB_ACTOR, or the user of git); with COUNTWHEEL_TOKEN or --github beside who you are",
    );
}

export function withOutput(command: Command, formats: readonly OutputFormat[]): Command {
  return command
    .addOption(new Option("-o, --output <format>", "the form of the answer").choices(formats).default("text"))
    .option("--no-color", "no colours")
    .option("--no-input", "ask nothing (implied by CI=true)")
    .option("-v, --verbose", "say more", false);
}
