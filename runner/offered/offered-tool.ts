// What Countwheel offers to other agents: tools that an MCP client may list and call.

export interface OfferedTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments, an object. */
  readonly inputSchema: Readonly<Record<string, unknown>> & { readonly type: "object" };
  /** False: it changes something. */
  readonly readOnly: boolean;
  answer(args: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<OfferedResult>;
}

export interface OfferedResult {
  readonly text: string;
  readonly isError: boolean;
}

export interface Offer {
  readonly version: string;
  /** For the client's model: what these tools are for. */
  readonly instructions: string;
  readonly tools: readonly OfferedTool[];
}
