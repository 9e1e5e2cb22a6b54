// Named limits of memories: nothing that an agent remembers is unbounded.

export const MEMORY_LIMITS = {
  keyLength: 256,
  /** Bytes of one entry. */
  entryBytes: 32 * 1024,
  /** Bytes of a text that is ingested in pieces. */
  ingestBytes: 512 * 1024,
  /** Characters of one ingested piece, at most. */
  pieceLength: 1_500,
  /** Entries of one memory in Redis: a search looks at all of them. */
  entries: 10_000,
  /** What a search or a list answers where the call asks for nothing else, and at most. */
  answers: 10,
  maxAnswers: 100,
  /** Bytes of an entry, or of a query, that its vector is made of: models refuse more than they can read. */
  embeddedBytes: 8_000,
  /** Texts of one call for embeddings. */
  embeddedTexts: 64,
  /** Entries without a vector that one search makes vectors for. */
  bareEntries: 256,
  /** Vectors that an environment keeps for whoever needs the same again. */
  keptEmbeddings: 2_000,
  /** How long a tool may take that has to ask for embeddings first. */
  embeddingTimeoutMs: 180_000,
  /** One statement of a memory in PostgreSQL, and the way to its server. */
  statementMs: 15_000,
  connectMs: 10_000,
  /** Labels of one entry. */
  labels: 256,
  /** How long a memory behind HTTP may take. */
  httpTimeoutMs: 30_000,
  httpBytes: 1024 * 1024,
} as const;
