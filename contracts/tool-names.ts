// The names of tools that are not manifests of their own: those of MCP servers and of the memory.

/** `<server>--<tool>` with `_` and `.` turned into `-`: letters, digits and dashes are what every model provider allows. */
export function mcpToolName(server: string, tool: string): string {
  return `${server}--${tool}`.replace(/[_.]/g, "-");
}

/** For comparing: people also write a tool as its server spells it, with `_` and capitals. */
export function plainToolName(name: string): string {
  return name.replace(/[_.]/g, "-").toLowerCase();
}

const MEMORY_TOOLS = ["memory.read", "memory.write", "memory.search", "memory.list", "memory.ingest"] as const;

export function isMemoryTool(name: string): boolean {
  const wanted = name.toLowerCase();
  return MEMORY_TOOLS.some((tool) => tool === wanted);
}
