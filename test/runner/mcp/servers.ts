// Builders for tests that run real MCP servers: definitions, a ground to stand on, and a look at what is still alive.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { planServer, type ServerGround } from "../../../runner/mcp/plan-server.ts";
import type { ServerPlan } from "../../../runner/mcp/server-plan.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { PrivateFiles } from "../../../runner/processes/private-files.ts";
import { Sandbox } from "../../../runner/processes/sandbox.ts";
import type { Secrets } from "../../../runner/secrets/secrets.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { GrantRenewer } from "../../../runner/tools/oauth/grant-renewer.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import { SANDBOX_PATH } from "../../bwrap.ts";
import { childProgram } from "../../children.ts";

const HOSTILE = fileURLToPath(new URL("../../fixtures/mcp/hostile-server.mjs", import.meta.url));

const privateFiles = new PrivateFiles(undefined);

export const GROUND: ServerGround = {
  variables: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nowhere", CANARY: "must not be seen" },
  cwd: process.cwd(),
  allowedCommands: null,
  tokens: new OAuthTokens(() => performance.now()),
  renewer: new GrantRenewer(undefined),
  now: () => new Date(),
  resolve: resolveHost,
  sandbox: new Sandbox(SANDBOX_PATH ?? ""),
  privateFiles,
  containers: new Containers({}, [], privateFiles),
};

export function secretsWith(values: Readonly<Record<string, string>>): Secrets {
  const noted: string[] = [];
  return {
    resolve: (reference) => Promise.resolve(values[reference] ?? ""),
    knownValues: () => [...Object.values(values), ...noted],
    note: (value) => void noted.push(value),
  };
}

export function hostileSpec(mode: string, log: string, more: Readonly<Record<string, unknown>> = {}): McpServerSpec {
  return serverSpec({ command: process.execPath, args: [HOSTILE, mode, log], ...more });
}

/** A server from npm, by the program that its package names. */
export async function packageSpec(name: string, args: readonly string[]): Promise<McpServerSpec> {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { bin }: { bin: Readonly<Record<string, string>> } = JSON.parse(await readFile(manifest, "utf8"));
  const program = join(dirname(manifest), Object.values(bin)[0] ?? "");
  return serverSpec({ command: process.execPath, args: [program, ...args] });
}

export function serverSpec(fields: Readonly<Record<string, unknown>>): McpServerSpec {
  return { transport: "stdio", ...fields } as unknown as McpServerSpec;
}

export function planFor(
  spec: McpServerSpec,
  secrets: Secrets = secretsWith({}),
  ground: Partial<ServerGround> = {},
): Promise<ServerPlan> {
  return planServer({ namespace: "default", name: "fixture", spec }, secrets, { ...GROUND, ...ground });
}

/** A process that uses the server until it is killed; the server runs. `enginePath`: where a container engine is found. */
export async function startHost(spec: McpServerSpec, enginePath = ""): Promise<ChildProcess> {
  const words = [childProgram("runner/mcp/host-child.ts"), JSON.stringify(spec), enginePath];
  const host = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  await once(host.stdout, "data");
  return host;
}

/** What hostile servers wrote down: their pids and those of their children, calls, notifications. */
export interface ServerLog {
  readonly path: string;
  lines(): Promise<readonly string[]>;
  pids(): Promise<readonly number[]>;
  remove(): Promise<void>;
}

export async function makeLog(): Promise<ServerLog> {
  const folder = await mkdtemp(join(tmpdir(), "countwheel-mcp-"));
  const path = join(folder, "log");
  const lines = async (): Promise<readonly string[]> => {
    return (await readFile(path, "utf8").catch(() => "")).split("\n").filter((line) => line !== "");
  };
  return {
    path,
    lines,
    pids: async () => (await lines()).flatMap((line) => (line.startsWith("start ") ? [Number(line.slice(6))] : [])),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A killed process stays visible until whoever inherited it has noticed. */
export async function allGone(log: Pick<ServerLog, "pids">): Promise<void> {
  const pids = await log.pids();
  const deadline = performance.now() + 5_000;
  while (pids.some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`still alive: ${pids.filter(isAlive).join(", ")}`);
    await wait(10);
  }
}

export function never(): AbortSignal {
  return new AbortController().signal;
}
