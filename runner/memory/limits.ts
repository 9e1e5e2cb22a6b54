// Named limits of memories: nothing that an agent remembers is unbounded.

export const MEMORY_LIMITS = {
  keyLength: 256,
  /** Bytes of one entry. */
  entryBytes: 32 * 1024,
  /** Bytes of a text that is ingested in pieces. */
  ingestBytes: 512 * 1024,
  /** Characters of one ingested piece, at most. */
  pieceLength: 1_500,
  /** Entries of one memory in Redis. */
  entries: 10_000,
  /** What a search or a list answers where the call asks for nothing else, and at most. */
  answers: 10,
  maxAnswers: 100,
  /** Labels of one entry. */
  labels: 256,
  /** How long a memory behind HTTP may take. */
  httpTimeoutMs: 30_000,
  httpBytes: 1024 * 1024,
} as const;
