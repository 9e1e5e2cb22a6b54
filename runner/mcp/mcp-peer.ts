// What either client has to know of the server that it speaks to.

export interface McpPeer {
  /** For people: `McpServer default/files`. */
  readonly label: string;
  /** Its questions to a person are answered with what its own forms offer (`elicitation: defaults`). */
  readonly answersForms: boolean;
}

/** What it is told that a client can do. A page for a person (`url`) is never opened. */
export function capabilitiesOf({ answersForms }: McpPeer): {
  readonly elicitation?: { readonly form: Record<string, never> };
} {
  return answersForms ? { elicitation: { form: {} } } : {};
}
