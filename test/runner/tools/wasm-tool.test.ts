// WebAssembly modules, written as text and compiled here, in processes of their own: what they are given, what they may do.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import wabt from "wabt";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { Sandbox } from "../../../runner/processes/sandbox.ts";
import type { ToolCallContext } from "../../../runner/tools/tool.ts";
import { callWasmTool } from "../../../runner/tools/wasm/wasm-tool.ts";
import { describeWithSandbox, SANDBOX_PATH } from "../../bwrap.ts";
import { callContext } from "./remote-source.ts";

const IMPORTS = `
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))
  (memory (export "memory") 2)`;

/** Says `text` and ends. */
function says(text: string, fd = 1): string {
  return `(data (i32.const 64) "${text.replaceAll('"', '\\"')}")
    (func $say (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const ${Buffer.byteLength(text)}))
      (drop (call $write (i32.const ${fd}) (i32.const 0) (i32.const 1) (i32.const 8))))`;
}

const answer = (output: string) => `{"contract_version":"v1","status":"ok","output":"${output}"}`;
const command = (...body: string[]) => `(module ${IMPORTS} ${body.join("\n")})`;
const START = '(func (export "_start")';

const MODULES = {
  /** Its answer is its input, as the output. */
  echo: command(
    `(data (i32.const 64) "{\\"status\\":\\"ok\\",\\"output\\":")
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 88)) (i32.store (i32.const 4) (i32.const 60000))
      (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store8 (i32.add (i32.const 88) (i32.load (i32.const 8))) (i32.const 125))
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.add (i32.const 25) (i32.load (i32.const 8))))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12))))`,
  ),
  function: command(says(answer("by name")), '(func (export "run") (call $say))'),
  /** Tells what opening a file and reading the environment answer: 8 is a bad descriptor, 0 variables. */
  nosy: command(
    `(data (i32.const 64) "{\\"status\\":\\"ok\\",\\"output\\":\\"  \\"}") (data (i32.const 200) "etc/passwd")
    (func (export "_start") (local $error i32)
      (local.set $error (call $open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 10) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 300)))
      (drop (call $environ (i32.const 304) (i32.const 308)))
      (i32.store8 (i32.const 89) (i32.add (i32.const 48) (local.get $error)))
      (i32.store8 (i32.const 90) (i32.add (i32.const 48) (i32.load (i32.const 304))))
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 29))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 12))))`,
  ),
  complains: command(says("no such order", 2), `${START} (call $say) (call $exit (i32.const 3)))`),
  traps: command(says("about to fall", 2), `${START} (call $say) unreachable)`),
  loops: command(`${START} (loop $on (br $on)))`),
  recurses: command(`(func $down (call $down)) ${START} (call $down))`),
  floods: command(says("z".repeat(30_000)), `${START} (loop $on (call $say) (br $on)))`),
  babbles: command(says("hello"), `${START} (call $say))`),
  silent: command(`${START})`),
  /** Grows until it may not, then tells how many pages it has, as one letter after `A`. */
  hungry: command(
    says(answer("@")),
    `${START} (loop $on (br_if $on (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))
      (i32.store8 (i32.const ${64 + answer("").length - 2}) (i32.add (i32.const 64) (memory.size))) (call $say))`,
  ),
  huge: '(module (memory (export "memory") 5000) (func (export "_start")))',
  needy: '(module (import "env" "secret" (func)) (memory (export "memory") 1) (func (export "_start")))',
  nothing: '(module (memory (export "memory") 1))',
} as const;

let root: string;
const digests = new Map<string, string>();

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "cw-wasm-"));
  const compiler = await wabt();
  await mkdir(join(root, "modules"));
  for (const [name, text] of Object.entries(MODULES)) {
    const bytes = Buffer.from(compiler.parseWat(`${name}.wat`, text).toBinary({}).buffer);
    digests.set(name, createHash("sha256").update(bytes).digest("hex"));
    await writeFile(join(root, "modules", `${name}.wasm`), bytes);
  }
  await writeFile(join(root, "outside.wasm"), "no module");
  await symlink(join(root, "outside.wasm"), join(root, "modules", "link.wasm"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface Circumstances extends Partial<ToolCallContext> {
  readonly spec?: Partial<ToolSpec>;
  readonly wasm?: Partial<NonNullable<ToolSpec["wasm"]>>;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly path?: string;
  readonly folders?: readonly string[];
}

function call(name: string, { spec, wasm, args = {}, path = "/nowhere", folders, ...context }: Circumstances = {}) {
  const module = { module: `${name}.wasm`, sha256: digests.get(name) ?? "0".repeat(64), ...wasm };
  const source = {
    namespace: "default",
    tool: "score",
    label: "Tool default/score",
    spec: { type: "wasm", wasm: module, runtime: { timeout: "30s" }, ...spec } as ToolSpec,
    ground: {
      variables: { PATH: path, CANARY: "must not be seen" },
      cwd: root,
      sandbox: new Sandbox(path),
      wasmFolders: folders ?? [join(root, "modules")],
    },
  };
  return callWasmTool(source, args, callContext(context)).catch(({ name: kind, code, message, details }) => ({
    kind,
    code,
    message,
    details,
  }));
}

describe("a tool of type wasm", () => {
  it("reads the call from its input, and answers on its output", async () => {
    const spec = { capabilities: ["score.run"], runtime: { timeout: "30s" } };
    const came = await call("echo", { args: { word: "bells" }, spec });
    expect(came).toMatchObject({ isError: false });
    expect(JSON.parse("text" in came ? came.text : "")).toEqual({
      contract_version: "v1",
      namespace: "default",
      tool: "score",
      input: '{"word":"bells"}',
      capabilities: ["score.run"],
      risk_level: "low",
      runtime: { entrypoint: "run", max_memory_bytes: 67_108_864, enable_wasi: true },
    });
  });

  it("may export a function instead of being a command", async () => {
    expect(await call("function")).toEqual({ text: "by name", isError: false });
    expect(await call("function", { wasm: { entrypoint: "walk" } })).toMatchObject({
      kind: "PermanentFailure",
      code: "TOOL_INVALID",
      message: "Tool default/score: the module cannot be run: it exports neither `_start` nor `walk`",
    });
  });

  it("finds no file and no variable of the machine", async () => {
    expect(await call("nosy")).toEqual({ text: "80", isError: false });
  });

  it.each([
    ["complains", "exit code 3\nno such order"],
    ["traps", "the module was ended: unreachable\nabout to fall"],
    ["recurses", "the module was ended: Maximum call stack size exceeded"],
  ])("that %s tells the model", async (name, text) => {
    expect(await call(name)).toEqual({ text, isError: true });
  });

  it.each([
    ["loops", "TransientFailure TOOL_TIMEOUT"],
    ["floods", "TransientFailure TOOL_RESULT_TOO_LARGE"],
    ["babbles", "TransientFailure TOOL_ANSWER_INVALID"],
    ["silent", "TransientFailure TOOL_ANSWER_INVALID"],
    ["huge", "PermanentFailure TOOL_INVALID"],
    ["needy", "PermanentFailure TOOL_INVALID"],
    ["nothing", "PermanentFailure TOOL_INVALID"],
  ])("that %s fails with %s, and nothing has happened", async (name, expected) => {
    const timeout = name === "loops" ? "1s" : "30s";
    const came = await call(name, { spec: { runtime: { timeout } } });
    const { kind, code, details } = came as { kind: string; code: string; details: unknown };
    expect(`${kind} ${code}`).toBe(expected);
    if (kind === "TransientFailure") expect(details).toEqual({ effect: "none" });
  });

  it("gets no more memory than its manifest says", async () => {
    expect(await call("hungry", { wasm: { max_memory_bytes: 7 * 65_536 } })).toEqual({ text: "G", isError: false });
    expect(await call("hungry", { wasm: { max_memory_bytes: 65_536 } })).toMatchObject({ code: "TOOL_INVALID" });
  });

  it("is ended where the call is aborted", async () => {
    const abort = new AbortController();
    const reason = new Error("lease lost");
    const under = callWithReason(abort);
    abort.abort(reason);
    expect(await under).toBe("lease lost");
    const gone = (): void => {
      throw reason;
    };
    expect(await call("echo", { checkLease: gone })).toMatchObject({ message: "lease lost" });
  });

  async function callWithReason({ signal }: AbortController): Promise<string> {
    const came = await call("loops", { signal });
    return "message" in came ? came.message : "";
  }

  it.each([
    ["echo", { wasm: { sha256: undefined } }, "WASM_NOT_PINNED"],
    ["echo", { folders: [] }, "WASM_UNAVAILABLE"],
    ["missing", {}, "WASM_MODULE_MISSING"],
    ["../outside", {}, "WASM_MODULE_MISSING"],
    ["/etc/passwd\0", {}, "WASM_MODULE_MISSING"],
    ["link", {}, "WASM_MODULE_MISSING"],
    ["echo", { wasm: { sha256: `sha256:${"0".repeat(64)}` } }, "WASM_MODULE_CHANGED"],
    ["echo", { spec: { runtime: { isolation_mode: "container" } } }, "SANDBOX_UNAVAILABLE"],
    ["echo", { spec: { runtime: { isolation_mode: "sandboxed" } } }, "SANDBOX_UNAVAILABLE"],
    ["echo", { spec: { risk_level: "high" } }, "SANDBOX_UNAVAILABLE"],
  ] as const)("%s with %j is not run: %s", async (name, how, code) => {
    expect(await call(name, how as Circumstances)).toMatchObject({ kind: "PermanentFailure", code });
  });
});

describeWithSandbox("a tool of type wasm under bubblewrap", () => {
  it("runs there, within its limits", async () => {
    const path = SANDBOX_PATH ?? "";
    const spec = { runtime: { isolation_mode: "sandboxed", timeout: "30s" } } as const;
    expect(await call("function", { path, spec })).toEqual({ text: "by name", isError: false });
    expect(await call("function", { path, spec: { risk_level: "critical" } })).toEqual({
      text: "by name",
      isError: false,
    });
    const wasm = { max_memory_bytes: 7 * 65_536 };
    expect(await call("hungry", { path, spec, wasm })).toEqual({ text: "G", isError: false });
    const late = { runtime: { isolation_mode: "sandboxed", timeout: "1s" } } as const;
    expect(await call("loops", { path, spec: late })).toMatchObject({ code: "TOOL_TIMEOUT" });
  });
});
