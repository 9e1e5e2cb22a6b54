#!/usr/bin/env node
// The entry of the command: makes the host from the process, runs one command, and ends with its exit code.
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";
import { type Config, readConfig } from "./config.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import type { Host, Output } from "./host.ts";
import { runWords } from "./run-words.ts";

process.exitCode = await main(process.argv.slice(2));

async function main(words: readonly string[]): Promise<ExitCode> {
  const { config, problems } = readConfig(process.env);
  if (problems.length > 0) return refuse(problems);
  return runWords(makeHost(withoutColor(config, words), words), words);
}

function refuse(problems: readonly string[]): ExitCode {
  process.stderr.write(`USAGE: ${problems.join("\n       ")}\n`);
  return EXIT.usage;
}

function makeHost(config: Config, words: readonly string[]): Host {
  const canAsk = isatty(process.stdin.fd) && !config.noInput && !words.includes("--no-input");
  const goesOn = isBehindPush(words);
  return {
    stdout: outputOf(process.stdout, goesOn),
    stderr: outputOf(process.stderr, goesOn),
    cwd: process.cwd(),
    config,
    signal: goesOn ? leftSignal() : stopSignal(),
    now: () => new Date(),
    confirm: async (question) => canAsk && (await ask(question)),
  };
}

function withoutColor(config: Config, words: readonly string[]): Config {
  return words.includes("--no-color") ? { ...config, color: false } : config;
}

/** What git starts behind a push carries out what was shown, whether or not the pusher stays to read of it. */
function isBehindPush([command, verb, hook]: readonly string[]): boolean {
  return command === "hook" && verb === "run" && hook === "post-receive";
}

/** A reader that has gone (`| head`) is no failure: what it did not want to read is dropped. */
function outputOf(stream: NodeJS.WriteStream & { readonly fd: number }, goesOn: boolean): Output {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (!goesOn) process.exit(EXIT.ok);
  });
  return {
    isTTY: isatty(stream.fd),
    columns: stream.columns ?? 120,
    write: (text) => void stream.write(text),
  };
}

/** The first signal asks for an orderly end; the second ends at once, as people expect of Ctrl-C. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort(name);
    });
  }
  return controller.signal;
}

/** Says that whoever waited has left, however often and by whichever signal; it ends nothing. */
function leftSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, () => controller.abort(name));
  return controller.signal;
}

async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}
