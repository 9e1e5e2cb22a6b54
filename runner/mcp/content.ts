// Turns the content blocks of an MCP result into the text that a model reads.
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/sdk/types.js";

interface Rendered extends Pick<CallToolResult, "content"> {
  readonly structuredContent?: unknown;
}

/** Structured content stands in only where there is no other: servers repeat it as text for clients like this one. */
export function renderContent(result: Rendered): string {
  const blocks = result.content.map(renderBlock);
  if (blocks.length > 0) return blocks.join("\n");
  return result.structuredContent === undefined ? "" : JSON.stringify(result.structuredContent);
}

function renderBlock(block: ContentBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "image":
    case "audio":
      return `[${block.type} ${block.mimeType}, ${Buffer.byteLength(block.data, "base64")} bytes, left out]`;
    case "resource_link":
      return `[resource ${block.uri}]`;
    case "resource":
      return "text" in block.resource ? block.resource.text : `[resource ${block.resource.uri}, left out]`;
  }
}
