// Tools of type wasm: a WebAssembly module that reads the call from its input and writes the answer to its output. It runs in a
// process of its own, in a sandbox where there is one, and has nothing of the machine: so nothing that fails has had an effect.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { TOOL_CONTRACT_VERSION } from "../../../contracts/tool-answer.ts";
import { boundAnswer } from "../../bound-text.ts";
import type { Command } from "../../processes/process-group.ts";
import { type Ran, runCommand } from "../../processes/run-command.ts";
import type { Sandbox } from "../../processes/sandbox.ts";
import { finalAnswer, MAX_ANSWER_BYTES, resultOf } from "../contract/result.ts";
import type { ToolAnswer, ToolCallContext } from "../tool.ts";
import { resultLimitOf, timeoutMsOf } from "../tool-facts.ts";
import { findModule } from "./find-module.ts";
import type { GuestHeader, GuestReport } from "./guest-host.ts";

export interface WasmGround {
  readonly variables: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly sandbox: Sandbox;
  /** Where modules may lie; none: this runner runs none. */
  readonly wasmFolders: readonly string[];
}

export interface WasmToolSource {
  readonly namespace: string;
  /** As its manifest spells it. */
  readonly tool: string;
  /** For people: `Tool default/score`. */
  readonly label: string;
  readonly spec: ToolSpec;
  readonly ground: WasmGround;
}

type Wasm = NonNullable<ToolSpec["wasm"]>;

const PAGE_BYTES = 65_536;
const DEFAULT_MEMORY_BYTES = 64 * 1024 * 1024;
/** Of the process around the module, in bytes of data and in megabytes of objects. */
const HOST_MEMORY_BYTES = 1024 ** 3;
const HOST_HEAP_MB = 128;
const PROCESSES = 64;
const DISK_BYTES = 1024 * 1024;

export async function callWasmTool(
  source: WasmToolSource,
  args: Readonly<Record<string, unknown>>,
  { signal, checkLease, keepBytes = 0, idempotencyKey }: ToolCallContext,
): Promise<ToolAnswer> {
  signal.throwIfAborted();
  const { label, spec, ground } = source;
  const { wasm } = spec;
  if (wasm === undefined) throw new PermanentFailure("TOOL_INVALID", `${label}: a \`wasm\` tool needs \`wasm.module\``);
  const timeoutMs = timeoutMsOf(spec.runtime?.timeout);
  const module = await findModule(label, { module: wasm.module, sha256: wasm.sha256 }, ground.wasmFolders);
  const command = await commandOf(source, wasm, timeoutMs);
  signal.throwIfAborted();
  checkLease();
  const late = AbortSignal.timeout(timeoutMs);
  const stdin = inputOf(source, wasm, args, module);
  try {
    const run = { command, stdin, output: "stdout" as const, limitBytes: 4 * MAX_ANSWER_BYTES };
    const report = readReport(label, await runCommand(run, AbortSignal.any([signal, late])));
    return answerOf(source, report, { keepBytes, idempotencyKey });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (!late.aborted) throw withoutEffect(error);
    throw withoutEffect(
      new TransientFailure("TOOL_TIMEOUT", `${label} did not end within ${timeoutMs} ms, and was ended`),
    );
  }
}

/** The module, and what it is asked: the contract of modules, v1. */
function inputOf(source: WasmToolSource, wasm: Wasm, args: Readonly<Record<string, unknown>>, module: Buffer): Buffer {
  const { namespace, tool, spec } = source;
  const request = {
    contract_version: TOOL_CONTRACT_VERSION,
    namespace,
    tool,
    input: JSON.stringify(args),
    capabilities: spec.capabilities ?? [],
    risk_level: spec.risk_level ?? "low",
    runtime: {
      entrypoint: entrypointOf(wasm),
      max_memory_bytes: wasm.max_memory_bytes ?? DEFAULT_MEMORY_BYTES,
      enable_wasi: true,
    },
  };
  const header: GuestHeader = {
    input: JSON.stringify(request),
    entrypoint: entrypointOf(wasm),
    outputBytes: MAX_ANSWER_BYTES,
  };
  const text = Buffer.from(JSON.stringify(header), "utf8");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, module]);
}

function entrypointOf({ entrypoint }: Wasm): string {
  return entrypoint ?? "run";
}

/** Where the program of the process lies: beside the command that was built. */
function guestHost(): string {
  const beside = join(import.meta.dirname, "guest-host.js");
  return existsSync(beside) ? beside : join(import.meta.dirname, "../../../dist/cli/guest-host.js");
}

const MOUNTED = "/tmp/guest-host.mjs";

/** `wasm`, the default, is under bubblewrap where it works; `sandboxed` nowhere else; `none` never. */
async function commandOf({ label, spec, ground }: WasmToolSource, wasm: Wasm, timeoutMs: number): Promise<Command> {
  const memoryBytes = wasm.max_memory_bytes ?? DEFAULT_MEMORY_BYTES;
  const flags = [
    `--wasm-max-mem-pages=${Math.ceil(memoryBytes / PAGE_BYTES)}`,
    `--max-old-space-size=${HOST_HEAP_MB}`,
    "--no-warnings",
  ];
  const { cwd, variables, sandbox } = ground;
  const env: Record<string, string> = variables["PATH"] === undefined ? {} : { PATH: variables["PATH"] };
  const plain = { command: process.execPath, args: [...flags, guestHost()], cwd, env };
  const limits = {
    memoryBytes: memoryBytes + HOST_MEMORY_BYTES,
    processes: PROCESSES,
    cpuSeconds: Math.ceil(timeoutMs / 1_000) + 1,
    diskBytes: DISK_BYTES,
  };
  const how = { limits, hasNetwork: false, mounts: [{ from: guestHost(), to: MOUNTED }] };
  const walled = (): Promise<Command> => sandbox.wrap({ ...plain, args: [...flags, MOUNTED] }, undefined, how);
  const isolation = spec.runtime?.isolation_mode ?? (isRisky(spec) ? "sandboxed" : "wasm");
  switch (isolation) {
    case "none":
      return plain;
    case "wasm":
      return walled().catch(unlessUnavailable(plain));
    case "sandboxed":
      return walled();
    case "container":
    case "kubernetes": {
      const why = `isolation_unavailable: a module runs \`wasm\` or \`sandboxed\`, and in no \`${isolation}\``;
      throw new PermanentFailure("SANDBOX_UNAVAILABLE", `${label}: ${why}`);
    }
  }
}

function isRisky({ risk_level: risk }: ToolSpec): boolean {
  return risk === "high" || risk === "critical";
}

function unlessUnavailable(plain: Command): (error: unknown) => Command {
  return (error) => {
    if (error instanceof PermanentFailure && error.code === "SANDBOX_UNAVAILABLE") return plain;
    throw error;
  };
}

/** Nothing of the module's own reaches this: it is written by the process around it. */
function readReport(label: string, ran: Ran): GuestReport {
  const said = ran.complaint === "" ? "" : `; it wrote last:\n${ran.complaint}`;
  if (ran.code !== 0) {
    const how = ran.signal === null ? `exit code ${ran.code}` : ran.signal;
    throw new TransientFailure("COMMAND_KILLED", `the process of ${label} ended with ${how}${said}`);
  }
  try {
    return JSON.parse(ran.output.toString("utf8"));
  } catch (cause) {
    throw new TransientFailure("COMMAND_KILLED", `the process of ${label} broke off${said}`, { cause });
  }
}

function answerOf(
  { label, spec }: WasmToolSource,
  report: GuestReport,
  { keepBytes, idempotencyKey }: { readonly keepBytes: number; readonly idempotencyKey: string },
): ToolAnswer {
  const limitBytes = resultLimitOf(spec);
  const complaint = (text: string, more: string): ToolAnswer => {
    const whole = [text, more.trim()].filter((part) => part !== "").join("\n");
    return { ...boundAnswer(whole, limitBytes, Buffer.byteLength(whole)), isError: true };
  };
  switch (report.outcome) {
    case "broken":
      throw new PermanentFailure("TOOL_INVALID", `${label}: the module cannot be run: ${report.why}`);
    case "flooded":
      throw new TransientFailure("TOOL_RESULT_TOO_LARGE", `${label} wrote more than ${MAX_ANSWER_BYTES} bytes`);
    case "trapped":
      return complaint(`the module was ended: ${report.why}`, report.complaint);
    case "ended":
      if (report.code !== 0) return complaint(`exit code ${report.code}`, report.complaint);
      return resultOf(finalAnswer(label, report.output, idempotencyKey), { label, limitBytes, keepBytes });
  }
}
