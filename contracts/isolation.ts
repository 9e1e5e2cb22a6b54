// Where a command of a Tool, and an MCP server, run. Pure; the same rule for the plan that shows what a tool may reach and the runner.
import type { McpServerSpec } from "./kinds/mcp-server.ts";
import type { ToolSpec } from "./kinds/tool.ts";

/** `none`: as a process of the runner's own user. */
export type Isolation = NonNullable<NonNullable<ToolSpec["runtime"]>["isolation_mode"]>;

/** What the manifest says; an image is a container, and a command that may do much harm is sandboxed. */
export function isolationOf({ runtime, cli, risk_level: risk }: ToolSpec): Isolation {
  if (runtime?.isolation_mode !== undefined) return runtime.isolation_mode;
  if (cli?.image !== undefined) return "container";
  return risk === "high" || risk === "critical" ? "sandboxed" : "none";
}

/** Networks that a sandboxed command may have: none, unless its manifest says `host`. */
export const SANDBOX_NETWORKS: readonly string[] = ["none", "host"];

/** Whether nothing that the command does can leave the machine: then it reaches nothing, whatever it is. */
export function isWithoutNetwork(spec: ToolSpec): boolean {
  const isolation = isolationOf(spec);
  return (isolation === "sandboxed" || isolation === "container") && (spec.cli?.network ?? "none") === "none";
}

/** `unknown`: its manifest asks for something that is not there. */
export type ServerIsolation = "none" | "sandboxed" | "container" | "unknown";

/** Of a stdio server: an image is a container, a command runs as the runner's user unless its manifest says otherwise. */
export function serverIsolationOf({ image, default_tool_runtime: runtime }: McpServerSpec): ServerIsolation {
  const asked = runtime?.isolation_mode ?? (image === undefined ? "none" : "container");
  if (image !== undefined) return asked === "container" ? "container" : "unknown";
  return asked === "none" || asked === "sandboxed" ? asked : "unknown";
}

/** Whether nothing that the server does can leave the machine. */
export function isServerWithoutNetwork(spec: McpServerSpec): boolean {
  const isolation = serverIsolationOf(spec);
  return (isolation === "sandboxed" || isolation === "container") && (spec.network ?? "none") === "none";
}
