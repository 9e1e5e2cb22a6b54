// The process in which one call of a WebAssembly module runs. WASI is the library's, in JavaScript and in memory: three streams,
// clocks and random numbers, and nothing of the machine behind them. Read from stdin: the length of a header (4 bytes), the
// header as JSON, the module. Written to stdout: one object of JSON, which the module cannot forge.
import { ConsoleStdout, File, OpenFile, WASI, WASIProcExit } from "@bjorn3/browser_wasi_shim";

/** What the runner says of a call. */
export interface GuestHeader {
  /** All of the module's standard input. */
  readonly input: string;
  /** What is called where the module exports no `_start`. */
  readonly entrypoint: string;
  readonly outputBytes: number;
}

export type GuestReport =
  | { readonly outcome: "ended"; readonly code: number; readonly output: string; readonly complaint: string }
  /** It ran, and did what no module may. */
  | { readonly outcome: "trapped"; readonly why: string; readonly complaint: string }
  | { readonly outcome: "flooded" }
  /** It cannot be run at all. */
  | { readonly outcome: "broken"; readonly why: string };

type Exports = Readonly<Record<string, unknown>>;

/** What is used of WebAssembly: Node has it, and its types do not say so. */
interface Engine {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: Readonly<Record<string, object>>): Promise<{ readonly exports: Exports }>;
  readonly Memory: abstract new () => { readonly buffer: ArrayBuffer };
}

const { WebAssembly: engine } = globalThis as unknown as { readonly WebAssembly: Engine };

const COMPLAINT_BYTES = 4_096;

class Flooded extends Error {}

/** Keeps what is written, up to a limit. */
class Stream {
  readonly #limitBytes: number;
  readonly #onFull: () => void;
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(limitBytes: number, onFull: () => void) {
    this.#limitBytes = limitBytes;
    this.#onFull = onFull;
  }

  /** `part` is the module's own memory, which it writes to again. */
  add(part: Uint8Array): void {
    if (this.#bytes + part.length > this.#limitBytes) return this.#onFull();
    this.#bytes += part.length;
    this.#parts.push(Buffer.from(part));
  }

  text(): string {
    return Buffer.concat(this.#parts).toString("utf8");
  }
}

process.stdout.write(JSON.stringify(await reportOf(await readStdin())));

async function readStdin(): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

async function reportOf(bytes: Buffer): Promise<GuestReport> {
  const length = bytes.readUInt32BE(0);
  const header: GuestHeader = JSON.parse(bytes.subarray(4, 4 + length).toString("utf8"));
  const output = new Stream(header.outputBytes, () => {
    throw new Flooded();
  });
  const complaint = new Stream(COMPLAINT_BYTES, () => undefined);
  const input = new OpenFile(new File(Buffer.from(header.input, "utf8"), { readonly: true }));
  const streams = [
    input,
    new ConsoleStdout((part) => output.add(part)),
    new ConsoleStdout((part) => complaint.add(part)),
  ];
  const wasi = new WASI(["tool"], [], streams, { debug: false });
  let exports: Exports;
  try {
    const module = await engine.compile(Uint8Array.from(bytes.subarray(4 + length)));
    ({ exports } = await engine.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport }));
    if (!(exports["memory"] instanceof engine.Memory)) throw new Error("it exports no `memory`");
  } catch (error) {
    return { outcome: "broken", why: messageOf(error) };
  }
  const started = startOf(exports, header.entrypoint);
  if (started === undefined) {
    return { outcome: "broken", why: `it exports neither \`_start\` nor \`${header.entrypoint}\`` };
  }
  return run(wasi, exports, started, { output, complaint });
}

function startOf(exports: Exports, entrypoint: string): (() => unknown) | undefined {
  const start = exports["_start"] ?? exports[entrypoint];
  return typeof start === "function" ? (start as () => unknown) : undefined;
}

interface Streams {
  readonly output: Stream;
  readonly complaint: Stream;
}

function run(wasi: WASI, exports: Exports, start: () => unknown, { output, complaint }: Streams): GuestReport {
  const ended = (code: number): GuestReport => ({
    outcome: "ended",
    code,
    output: output.text(),
    complaint: complaint.text(),
  });
  try {
    wasi.initialize({ exports } as Parameters<typeof wasi.initialize>[0]);
    start();
    return ended(0);
  } catch (error) {
    if (error instanceof WASIProcExit) return ended(error.code);
    if (error instanceof Flooded) return { outcome: "flooded" };
    return { outcome: "trapped", why: messageOf(error), complaint: complaint.text() };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
