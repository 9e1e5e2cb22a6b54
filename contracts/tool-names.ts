// The names of tools that MCP servers provide.

/** `<server>--<tool>` with `_` and `.` turned into `-`: letters, digits and dashes are what every model provider allows. */
export function mcpToolName(server: string, tool: string): string {
  return `${server}--${tool}`.replace(/[_.]/g, "-");
}

/** For comparing: people also write a tool as its server spells it, with `_` and capitals. */
export function plainToolName(name: string): string {
  return name.replace(/[_.]/g, "-").toLowerCase();
}
