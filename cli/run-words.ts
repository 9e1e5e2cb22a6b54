// Runs one command line on a host: for the process itself, and for whoever offers commands to others.
import { CommanderError } from "commander";
import { TransientFailure } from "../contracts/failure.ts";
import type { Act } from "./arguments/flags.ts";
import { makeProgram } from "./arguments/program.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host, OutputFormat } from "./host.ts";
import { failureOf, printFailure } from "./output.ts";
import { readVersion } from "./package-facts.ts";

export async function runWords(host: Host, words: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const act: Act = async (load, options) => {
    const body = await load();
    code = await body(host, options);
  };
  const program = makeProgram({ version: readVersion(), env: host.config.env }, act);
  const output = {
    writeOut: (text: string) => host.stdout.write(text),
    writeErr: (text: string) => host.stderr.write(text),
  };
  for (const command of [program, ...program.commands, ...program.commands.flatMap((parent) => parent.commands)]) {
    command.exitOverride().configureOutput(output);
  }
  try {
    await program.parseAsync([...words], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return printFailure(host, outputFormatOf(words), failureOf(isStopped(host, error) ? stoppedFailure() : error));
  }
}

/** What somebody stopped is no bug of ours, whatever it was stopped in. */
function isStopped({ signal }: Host, error: unknown): boolean {
  return signal.aborted && error === signal.reason;
}

function stoppedFailure(): TransientFailure {
  return new TransientFailure("STOPPED", "the command was stopped before it had an answer");
}

/** Commander may have failed before it knew the flag, so the words themselves are asked. */
function outputFormatOf(words: readonly string[]): OutputFormat {
  const index = words.findIndex((word) => word === "-o" || word === "--output" || word.startsWith("--output="));
  const value = words[index]?.startsWith("--output=") ? words[index].slice("--output=".length) : words[index + 1];
  return index >= 0 && (value === "json" || value === "jsonl") ? value : "text";
}
