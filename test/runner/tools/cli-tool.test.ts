// CLI tools: arguments, environment, results and ends of real processes.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LeaseLost } from "../../../contracts/failure.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { Sandbox } from "../../../runner/processes/sandbox.ts";
import { callCliTool } from "../../../runner/tools/cli/cli-tool.ts";
import { describeWithSandbox, SANDBOX_PATH } from "../../bwrap.ts";
import { GROUND, isAlive, never, secretsWith } from "../mcp/servers.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cw-cli-"));
});

afterEach(() => rm(root, { recursive: true, force: true }));

interface Circumstances {
  readonly runtime?: NonNullable<ToolSpec["runtime"]>;
  readonly max_result_bytes?: number;
  readonly risk_level?: "high";
  readonly signal?: AbortSignal;
  readonly checkLease?: () => void;
  readonly path?: string;
}

function call(
  cli: NonNullable<ToolSpec["cli"]>,
  args: Readonly<Record<string, unknown>> = {},
  { signal = never(), checkLease = () => undefined, path, ...more }: Circumstances = {},
) {
  const PATH = path ?? process.env["PATH"] ?? "";
  const source = {
    namespace: "default",
    label: "Tool default/tool",
    spec: { type: "cli", cli, ...more } as const,
    secrets: secretsWith({ "keys:token": "s3cr3t-value" }),
    ground: {
      variables: { PATH, HOME: root, CANARY: "must not be seen" },
      cwd: root,
      allowedCommands: null,
      containers: GROUND.containers,
      sandbox: new Sandbox(PATH, [join(root, "private"), join(root, "runner.age")]),
    },
  };
  return callCliTool(source, args, { idempotencyKey: "key-1", signal, checkLease }).catch(
    ({ code, message, details }) => ({ code, message, details }),
  );
}

function shell(script: string, more: Partial<NonNullable<ToolSpec["cli"]>> = {}) {
  return { command: "sh", args: ["-c", script], ...more };
}

/** What it writes is its pid, as soon as it runs. */
async function pidIn(file: string): Promise<number> {
  for (;;) {
    const text = await readFile(join(root, file), "utf8").catch(() => "");
    if (text.endsWith("\n")) return Number(text);
    await wait(5);
  }
}

/** Commands under way that mention it. */
async function running(mark: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(mark));
}

async function isGone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 400 && isAlive(pid); tries += 1) await wait(5);
  return !isAlive(pid);
}

describe("a CLI tool", () => {
  it("gives each template to the command as one argument, and no shell reads it", async () => {
    const cli = {
      command: "printf",
      args: ["%s|", "--", "{{.query}}", "{{if .all}}all{{end}}", "{{.missing}}", "x={{.n}}"],
    };
    expect(await call(cli, { query: "$(id) `id` ; * \"'\n", n: 3, all: true })).toEqual({
      text: "--|$(id) `id` ; * \"'|all|x=3|",
      isError: false,
    });
  });

  it("does not let the model's text become an option, unless options have ended", async () => {
    const cli = { command: "echo", args: ["{{.query}}"] };
    expect(await call(cli, { query: "--output=/etc/passwd" })).toMatchObject({
      code: "TOOL_ARGUMENTS_INVALID",
      message: "Tool default/tool: `query` begins with `-`, and the command would take it for an option",
    });
    expect(await call(cli, { query: " -n" })).toMatchObject({ code: "TOOL_ARGUMENTS_INVALID" });
    expect(await call({ command: "echo", args: ["--", "{{.query}}"] }, { query: "-n" })).toMatchObject({
      text: "-- -n\n",
    });
    expect(await call(cli, { query: -5 })).toMatchObject({ text: "-5\n" });
  });

  it("refuses arguments that no command can be given", async () => {
    const cli = { command: "echo", args: ["{{.query}}"] };
    expect(await call(cli, { query: "a\0b" })).toMatchObject({ code: "TOOL_ARGUMENTS_INVALID" });
    expect(await call(cli, { query: "x".repeat(200_000) })).toMatchObject({ code: "TOOL_ARGUMENTS_INVALID" });
    expect(await call({ command: "echo", args: ["{{.a"] }, {})).toMatchObject({ code: "TOOL_INVALID" });
  });

  it("gives the input to the command's standard input where the manifest says so, and nothing otherwise", async () => {
    expect(await call({ command: "cat", stdin_from_input: true }, { a: [1] })).toMatchObject({ text: '{"a":[1]}' });
    expect(await call({ command: "cat" }, { a: [1] })).toMatchObject({ text: "" });
  });

  it("gives its own environment, the call's key and the secrets that it names, and nothing of the runner's", async () => {
    const cli = {
      command: "env",
      env: { MODE: "fast" },
      env_from: [{ name: "TOKEN", secret_ref: "keys", key: "token" }],
    };
    const { text } = (await call(cli)) as { text: string };
    expect(text.trim().split("\n").toSorted()).toEqual(
      [
        "COUNTWHEEL_IDEMPOTENCY_KEY=key-1",
        `HOME=${root}`,
        "MODE=fast",
        `PATH=${process.env["PATH"]}`,
        "TOKEN=s3cr3t-value",
      ].toSorted(),
    );
  });

  it("answers with the output that the manifest names", async () => {
    const script = "echo out; sleep 0.05; echo err >&2";
    expect(await call(shell(script))).toEqual({ text: "out\n", isError: false });
    expect(await call(shell(script, { output: "stderr" }))).toEqual({ text: "err\n", isError: false });
    expect(await call(shell(script, { output: "both" }))).toEqual({ text: "out\nerr\n", isError: false });
  });

  it("gives the model an exit code that is not 0, with what the command complained of", async () => {
    expect(await call(shell("echo half; echo 'no such order' >&2; exit 3"))).toEqual({
      text: "exit code 3\nhalf\n\nno such order",
      isError: true,
    });
  });

  it("cuts a long result, and says so", async () => {
    const result = await call(shell("yes | head -c 100000"), {}, { max_result_bytes: 10 });
    expect(result).toMatchObject({
      text: expect.stringContaining("[truncated: the first 10 of 100000 bytes"),
      isError: false,
    });
  });

  it("ends a command that writes without end, in bounded memory", async () => {
    const before = process.memoryUsage().rss;
    expect(await call({ command: "yes" }, {}, { max_result_bytes: 10 })).toMatchObject({ code: "COMMAND_FLOODS" });
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  it("ends the whole process tree when its time is over", async () => {
    const script =
      "trap '' TERM; (trap '' TERM; echo $$ > shell; sleep 60) & sh -c 'echo $$ > child; exec sleep 60' & wait";
    const answer = call(shell(script), {}, { runtime: { timeout: "300ms" } });
    const pids = [await pidIn("shell"), await pidIn("child")];
    expect(await answer).toMatchObject({ code: "TOOL_TIMEOUT" });
    for (const pid of pids) expect(await isGone(pid)).toBe(true);
  });

  it("is cancelled without waiting for its end, with the reason of whoever cancels", async () => {
    const cancel = new AbortController();
    const answer = call(shell("trap '' TERM; echo $$ > pid; sleep 60 & wait; sleep 60"), {}, { signal: cancel.signal });
    const pid = await pidIn("pid");
    cancel.abort(new LeaseLost("a001", "the lease is gone"));
    expect(await answer).toMatchObject({ code: "LEASE_LOST" });
    expect(await isGone(pid)).toBe(true);
  });

  it("starts nothing once the lease is gone", async () => {
    const checkLease = (): void => {
      throw new LeaseLost("a001", "the lease is gone");
    };
    expect(await call(shell("touch began"), {}, { checkLease })).toMatchObject({ code: "LEASE_LOST" });
    await expect(readFile(join(root, "began"))).rejects.toThrow("ENOENT");
  });

  it("fails as one that may have happened where a signal ended it", async () => {
    expect(await call(shell("echo bye >&2; kill -9 $$"))).toEqual({
      code: "COMMAND_KILLED",
      message: "Tool default/tool was ended by SIGKILL; it wrote last:\nbye",
      details: { signal: "SIGKILL" },
    });
  });

  it("says what is wrong with its command or its folder", async () => {
    expect(await call({ command: "no-such-program" })).toMatchObject({ code: "COMMAND_NOT_STARTED" });
    expect(await call({ command: "pwd", working_dir: "gone" })).toMatchObject({
      code: "TOOL_INVALID",
      message: `Tool default/tool: \`cli.working_dir: ${root}/gone\` is no folder on this runner`,
    });
    expect(await call({ command: "pwd", working_dir: "." })).toMatchObject({ text: `${root}\n` });
  });

  it("asks for no isolation that this runner does not have", async () => {
    expect(await call({ command: "true" }, {}, { runtime: { isolation_mode: "kubernetes" } })).toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("isolation_unavailable"),
    });
    expect(await call({ command: "true" }, {}, { risk_level: "high", path: join(root, "empty") })).toMatchObject({
      code: "COMMAND_NOT_STARTED",
    });
    await writeFile(join(root, "program"), "#!/bin/sh\n", { mode: 0o755 });
    const unsandboxed = { risk_level: "high", path: root } as const;
    expect(await call({ command: "program" }, {}, unsandboxed)).toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("bubblewrap (`bwrap`) is not installed"),
    });
  });
});

describeWithSandbox("a sandboxed CLI tool", () => {
  const circumstances = { runtime: { isolation_mode: "sandboxed" }, path: SANDBOX_PATH ?? "" } as const;
  const sandboxed = (script: string, more: Partial<NonNullable<ToolSpec["cli"]>> = {}) =>
    call(shell(script, more), {}, circumstances);

  it("runs, and answers as any other", async () => {
    expect(await call({ command: "printf", args: ["%s", "{{.a}}"] }, { a: "x" }, circumstances)).toEqual({
      text: "x",
      isError: false,
    });
    expect(await sandboxed("echo no >&2; exit 4")).toEqual({ text: "exit code 4\nno", isError: true });
  });

  it("sees programs, a private /tmp and its working folder, which it cannot write; nothing else of the disk", async () => {
    await writeFile(join(root, "data"), "in the folder");
    const script = `cat data; touch data 2>/dev/null || echo ' read-only'; echo x > /tmp/x && cat /tmp/x; touch /usr/x 2>/dev/null || echo fixed; ls -d /home /root /run /var /etc/shadow ${process.cwd()} 2>/dev/null; pwd`;
    expect(await sandboxed(script, { working_dir: root })).toEqual({
      text: `in the folder read-only\nx\nfixed\n${root}\n`,
      isError: false,
    });
    expect(await sandboxed(`pwd; ls ${root} 2>&1 | grep -c 'No such'`)).toMatchObject({ text: "/tmp\n1\n" });
  });

  it("does not see what the runner hides, and works in no folder that is the whole disk", async () => {
    await mkdir(join(root, "private"));
    await writeFile(join(root, "private/key"), "hidden");
    await writeFile(join(root, "runner.age"), "AGE-SECRET-KEY-1");
    const look = "ls -A private; ls -d private; cat runner.age; echo none";
    expect(await sandboxed(look, { working_dir: "." })).toMatchObject({ text: "private\nnone\n" });
    expect(await sandboxed("true", { working_dir: "/" })).toMatchObject({ code: "TOOL_INVALID" });
  });

  it("has no network, unless its manifest says `host`", async () => {
    const links = "grep -c : /proc/net/dev";
    expect(await sandboxed(links)).toMatchObject({ text: "1\n" });
    expect(await sandboxed("test -e /proc/net/dev && echo there", { network: "host" })).toMatchObject({
      text: "there\n",
    });
    expect(await sandboxed("true", { network: "bridge" })).toMatchObject({ code: "TOOL_INVALID" });
  });

  it("has no capabilities, sees only its own processes, and is bounded", async () => {
    const script =
      "grep CapEff /proc/self/status; ls -d /proc/[0-9]* | wc -l | awk '{print ($1 < 8)}'; ulimit -t; ulimit -n";
    expect(await sandboxed(script)).toMatchObject({ text: "CapEff:\t0000000000000000\n1\n31\n256\n" });
  });

  it("is stopped at the memory that its manifest gives it", async () => {
    const script = "awk 'BEGIN { s = \"x\"; while (1) s = s s }' 2>/dev/null; echo $?";
    expect(await sandboxed(script, { resources: { memory: "64m" } })).not.toMatchObject({ text: "0\n" });
    expect(await sandboxed("true", { resources: { memory: "much" } })).toMatchObject({ code: "TOOL_INVALID" });
  });

  it("leaves nothing behind, though its processes leave their group", async () => {
    const mark = `4${process.pid}${Date.now() % 10_000}`;
    const script = `setsid sh -c 'trap "" TERM; sleep ${mark}' & sleep ${mark}`;
    const spec = { ...circumstances, runtime: { isolation_mode: "sandboxed", timeout: "400ms" } } as const;
    expect(await call(shell(script), {}, spec)).toMatchObject({ code: "TOOL_TIMEOUT" });
    expect(await running(mark)).toEqual([]);
  });
});
