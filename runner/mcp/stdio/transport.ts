// Carries MCP messages over the stdin and stdout of a server process, and ends the process with its whole group.
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import { OutputRing } from "../../processes/output-ring.ts";
import { type ProcessGroup, startGroup } from "../../processes/process-group.ts";
import { MCP_LIMITS } from "../limits.ts";
import type { ServerTransport } from "../server-transport.ts";
import type { Launch } from "./launch.ts";
import { LineSplitter } from "./line-splitter.ts";

/**
 * Not the SDK's own: that one reads the environment of this process, knows no process groups, and lets a call wait for
 * its whole timeout when its reply is no JSON. `parse` checks a message (the SDK is loaded only when it is needed).
 */
export class StdioTransport implements ServerTransport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #label: string;
  readonly #prepare: () => Promise<Launch>;
  readonly #parse: (value: unknown) => JSONRPCMessage;
  readonly #stderr = new OutputRing(MCP_LIMITS.stderrBytes);
  readonly #lines = new LineSplitter(MCP_LIMITS.messageBytes);
  #started: Promise<void> | undefined;
  #group: ProcessGroup | undefined;
  #ended: Promise<void> = Promise.resolve();
  #state: "new" | "silent" | "talking" | "ending" = "new";
  #noiseBytes = 0;
  #failure: TransientFailure | undefined;

  constructor(label: string, prepare: () => Promise<Launch>, parse: (value: unknown) => JSONRPCMessage) {
    this.#label = label;
    this.#prepare = prepare;
    this.#parse = parse;
  }

  /** Once: whoever asks the server something first leaves it started for an SDK, which starts what it gets. */
  start(): Promise<void> {
    this.#started ??= this.#begin();
    return this.#started;
  }

  async #begin(): Promise<void> {
    const { group, cleanUp } = await this.#spawn();
    this.#group = group;
    const { stdin, stdout, stderr } = group.child;
    this.#stderr.drain(stderr);
    stdout.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#ended = this.#noticeEnd(group, cleanUp);
    stdout.on("error", () => void this.#explain());
    stdin.on("error", () => void this.#explain());
    // Ended while it was being started: nobody waits for a server that is to go.
    if (this.#state === "ending") group.signal("SIGKILL");
    else this.#state = "silent";
  }

  async send(message: JSONRPCMessage): Promise<void> {
    const stdin = this.#group?.child.stdin;
    if (stdin?.writable !== true) throw await this.#explain();
    const written = await new Promise<boolean>((resolve) => {
      stdin.write(`${JSON.stringify(message)}\n`, (error) => resolve(error === null || error === undefined));
    });
    if (!written) throw await this.#explain();
  }

  failure(): TransientFailure | undefined {
    return this.#failure;
  }

  /** For the SDK, which closes what failed to start. */
  close(): Promise<void> {
    return this.end("now");
  }

  async end(how: "politely" | "now"): Promise<void> {
    const group = this.#group;
    this.#state = "ending";
    if (group === undefined) return;
    if (how === "politely") {
      group.child.stdin.end();
      if (!(await this.#endsWithin(MCP_LIMITS.graceMs))) group.signal("SIGTERM");
      await this.#endsWithin(MCP_LIMITS.graceMs);
    }
    group.signal("SIGKILL");
    await this.#ended;
  }

  async #spawn(): Promise<Pick<Launch, "cleanUp"> & { readonly group: ProcessGroup }> {
    try {
      const { command, aftermath, cleanUp } = await this.#prepare();
      try {
        return { group: await startGroup(command, aftermath), cleanUp };
      } catch (error) {
        await cleanUp();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof PermanentFailure)) throw error;
      throw new PermanentFailure(error.code, `${this.#label}: ${error.message}`, { cause: error });
    }
  }

  async #noticeEnd(group: ProcessGroup, cleanUp: () => Promise<void>): Promise<void> {
    const { code, signal } = await group.ended;
    // Calls under way are told at once: an engine may take its time.
    const cleaned = cleanUp();
    this.#fail("MCP_CLOSED", signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`);
    this.onclose?.();
    await cleaned;
  }

  async #endsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const inTime = await Promise.race([this.#ended.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
  }

  #read(chunk: Buffer): void {
    if (this.#state === "ending") return;
    const { lines, tooLong } = this.#lines.push(chunk);
    for (const line of lines) this.#receive(line);
    if (tooLong) this.#fail("MCP_RESULT_TOO_LARGE", `sent a message of more than ${MCP_LIMITS.messageBytes} bytes`);
  }

  /**
   * Many servers greet on stdout; before the first message that is noise. Afterwards a line that is no message may be a
   * reply that broke: which call it answers cannot be known, so all of them fail now instead of at their timeouts.
   */
  #receive(line: string): void {
    if (line.trim() === "" || this.#state === "ending") return;
    const message = this.#parseLine(line);
    if (message !== undefined) {
      this.#state = "talking";
      this.onmessage?.(message);
      return;
    }
    this.#noiseBytes += line.length;
    this.#stderr.add(Buffer.from(`[stdout] ${cutText(line, 200)}\n`));
    const bearable = this.#state === "silent" && this.#noiseBytes <= MCP_LIMITS.noiseBytes;
    if (!bearable) this.#fail("MCP_MALFORMED", "wrote a line to stdout that is no MCP message");
  }

  #parseLine(line: string): JSONRPCMessage | undefined {
    try {
      return this.#parse(JSON.parse(line));
    } catch {
      return undefined;
    }
  }

  /** The first reason counts; whatever it is, the process is not to be trusted any more. */
  #fail(code: string, what: string): void {
    if (this.#state === "ending") return;
    this.#state = "ending";
    const quote = this.#stderr.quote();
    this.#failure = new TransientFailure(
      code,
      `${this.#label} ${what}${quote === "" ? "" : `; it wrote last:\n${quote}`}`,
    );
    this.#group?.signal("SIGKILL");
    this.onerror?.(this.#failure);
  }

  /** A pipe breaks just before its process ends: how it ended, and what it wrote last, says more. */
  async #explain(): Promise<TransientFailure> {
    if (!(await this.#endsWithin(MCP_LIMITS.graceMs))) this.#fail("MCP_CLOSED", "closed its input or output");
    return this.#failure ?? new TransientFailure("MCP_CLOSED", `${this.#label} is not running`);
  }
}
