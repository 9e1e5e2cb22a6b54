// Runs one command to its end in a process group of its own, and keeps what it wrote within bounds.
import type { Readable } from "node:stream";
import { TransientFailure } from "../../contracts/failure.ts";
import { OutputRing } from "./output-ring.ts";
import { type Aftermath, type Command, type ProcessGroup, startGroup } from "./process-group.ts";

export interface Run {
  readonly command: Command;
  /** undefined: its standard input is empty. */
  readonly stdin?: string | Uint8Array;
  /** Which of its outputs are kept, in the order in which they come. */
  readonly output: "stdout" | "stderr" | "both";
  /** How much of them is kept, in bytes. */
  readonly limitBytes: number;
  readonly aftermath?: Aftermath;
  /** Where it has to be ended: what lives outside of its group, before the group is killed. Never throws. */
  readonly kill?: () => Promise<void>;
}

export interface Ran {
  /** null: a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** What came first of its output, up to the limit. */
  readonly output: Buffer;
  /** Of all its output. */
  readonly totalBytes: number;
  /** What it wrote last to stderr, for people: bounded, without control characters. */
  readonly complaint: string;
}

/** How long a command may tidy up once it is told to end: whoever cancels waits for no more than a second. */
const GRACE_MS = 400;
/** A command that writes without end is ended. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const COMPLAINT_BYTES = 4_096;

/**
 * Throws PermanentFailure COMMAND_NOT_STARTED, TransientFailure COMMAND_FLOODS, or the reason of an aborted signal, each
 * once nothing of the group is left. What it does after an abort may have had an effect.
 */
export async function runCommand(
  { command, stdin, output, limitBytes, aftermath, kill }: Run,
  signal: AbortSignal,
): Promise<Ran> {
  const group = await startGroup(command, aftermath);
  const kept = new Kept(limitBytes);
  const complaint = new OutputRing(COMPLAINT_BYTES);
  const { child } = group;
  const flooded = new AbortController();
  const keep = (chunk: Buffer): void => {
    kept.add(chunk);
    if (kept.totalBytes > MAX_OUTPUT_BYTES) flooded.abort(floods(command));
  };
  listen(child.stdout, output === "stderr" ? () => undefined : keep);
  listen(child.stderr, (chunk) => {
    complaint.add(chunk);
    if (output !== "stdout") keep(chunk);
  });
  // A command may end without having read what it was given.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin ?? "");
  const facts = await endsOrAborts(group, [signal, flooded.signal], kill);
  return { ...facts, output: kept.bytes(), totalBytes: kept.totalBytes, complaint: complaint.quote() };
}

/** Both outputs are always drained: a pipe that is full would hang the command. */
function listen(stream: Readable, onData: (chunk: Buffer) => void): void {
  stream.on("data", onData);
  stream.on("error", () => undefined);
}

async function endsOrAborts(
  group: ProcessGroup,
  signals: readonly AbortSignal[],
  kill: Run["kill"],
): Promise<Pick<Ran, "code" | "signal">> {
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    group.signal("SIGTERM");
    killing ??= setTimeout(() => void killAll(), GRACE_MS);
  };
  // Until the group is gone, its watch sees to the rest where this process dies.
  const killAll = async (): Promise<void> => {
    await kill?.();
    group.signal("SIGKILL");
  };
  for (const signal of signals) {
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  }
  const facts = await group.ended;
  clearTimeout(killing);
  for (const signal of signals) signal.removeEventListener("abort", stop);
  for (const signal of signals) signal.throwIfAborted();
  return facts;
}

function floods({ command }: Command): TransientFailure {
  const text = `\`${command}\` wrote more than ${MAX_OUTPUT_BYTES} bytes and was ended`;
  return new TransientFailure("COMMAND_FLOODS", text);
}

/** The first bytes, however many come. */
class Kept {
  readonly #limitBytes: number;
  readonly #chunks: Buffer[] = [];
  #keptBytes = 0;
  totalBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(chunk: Buffer): void {
    this.totalBytes += chunk.length;
    const part = chunk.subarray(0, this.#limitBytes - this.#keptBytes);
    this.#keptBytes += part.length;
    // A copy: a part of a pooled buffer would keep all of it.
    if (part.length > 0) this.#chunks.push(Buffer.from(part));
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks, this.#keptBytes);
  }
}
