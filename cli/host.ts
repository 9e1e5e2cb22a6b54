// What a command may know of the machine that it runs on. Tests and the demo make hosts of their own.
import type { Config } from "./config.ts";

export interface Output {
  readonly isTTY: boolean;
  readonly columns: number;
  write(text: string): void;
}

export interface Host {
  /** Carries the answer, and nothing else. */
  readonly stdout: Output;
  /** Progress, hints and problems. */
  readonly stderr: Output;
  readonly cwd: string;
  readonly config: Config;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Asks a yes-or-no question; answers false without asking where nobody can answer. */
  confirm(question: string): Promise<boolean>;
}

export type OutputFormat = "text" | "json" | "jsonl" | "yaml" | "markdown" | "name" | "wide";

/** Flags that every command has. */
export interface CommonFlags {
  readonly env: string;
  readonly redis?: string;
  readonly output: OutputFormat;
  readonly verbose: boolean;
}
