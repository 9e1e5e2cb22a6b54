// A tool as its server describes it, in our own words.
import type { McpToolAnnotations, McpToolDescription } from "./mcp-client.ts";

interface Described {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly annotations?: { readonly [K in keyof McpToolAnnotations]?: boolean | undefined } | undefined;
}

export function describeTool({ name, title, description, inputSchema, annotations }: Described): McpToolDescription {
  const { readOnlyHint, idempotentHint, destructiveHint } = annotations ?? {};
  return {
    name,
    description: description ?? title ?? "",
    inputSchema,
    annotations: {
      ...(readOnlyHint === undefined ? {} : { readOnlyHint }),
      ...(idempotentHint === undefined ? {} : { idempotentHint }),
      ...(destructiveHint === undefined ? {} : { destructiveHint }),
    },
  };
}
