// Named limits of MCP connections: nothing that a server does is unbounded.

export const MCP_LIMITS = {
  /** From spawn to the end of the handshake. Wide, because `npx -y` may download first. */
  startMs: 30_000,
  /** How long a server on stdio may be silent about its revision before it counts as one of the former ones. */
  probeMs: 3_000,
  /** How long a server may take to agree to tell of changes; one that does not is one that never tells. */
  listenMs: 3_000,
  /** One page of `tools/list`. */
  listMs: 15_000,
  pages: 100,
  tools: 1_000,
  /** One message on stdout, as in the SDK. A longer one ends the connection: what follows it cannot be told apart. */
  messageBytes: 10 * 1024 * 1024,
  /** Of the message that comes with a notification of progress. */
  progressCharacters: 200,
  /** How often a call may ask for more before it has failed. */
  inputRounds: 10,
  /** Before a call goes on that was only told to come again. */
  comeAgainMs: 250,
  /** What is shown of a question. */
  questionCharacters: 1_000,
  formFields: 100,
  /** Of the defaults of a form, as JSON. */
  formBytes: 16 * 1024,
  /** What is kept of stderr, to be quoted in failures. */
  stderrBytes: 8 * 1024,
  /** Text that a server may print on stdout before its first message. */
  noiseBytes: 64 * 1024,
  /** How long a server may take to go after stdin ended, and again after SIGTERM. */
  graceMs: 500,
  /** Longest wait between two tries to start. */
  backoffMs: 30_000,
} as const;
