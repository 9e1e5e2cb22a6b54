// Named limits of artifacts: what a result may cost where it is kept whole.

export const ARTIFACT_LIMITS = {
  /** Of one result. The runner holds it several times over while it reads, redacts and writes it, within 64 MB. */
  bytes: 4 * 1024 * 1024,
  /** Of all that one task keeps in Redis. */
  taskBytes: 32 * 1024 * 1024,
  /** What a model reads at once, where it does not say; a page must fit a conversation. */
  pageBytes: 32 * 1024,
  maxPageBytes: 128 * 1024,
  /** Any page holds a whole character, whichever byte it begins at. */
  minPageBytes: 100,
  timeoutMs: 15_000,
} as const;
