// Named limits of reading a source. What a set of manifests may be stands in contracts/limits.ts.

export const SOURCE_LIMITS = {
  /** A question to a repository on this machine. */
  localMs: 60_000,
  /** `ls-remote`. */
  listRemoteMs: 30_000,
  /** One fetch; the first one brings the whole history, without file contents where the server can leave them out. */
  fetchMs: 600_000,
  /** Bytes of one listing: names, not contents. */
  listingBytes: 256 * 1024 * 1024,
  /** Bytes of all manifests of one set together. */
  contentBytes: 256 * 1024 * 1024,
  /** What is kept of a child's stderr, from its end. */
  stderrBytes: 16 * 1024,
  /** Names that a listing shows as unsupported before it only counts them. */
  problems: 200,
  /** What is read from disk before others get their turn: under 5 ms either way. */
  sliceFiles: 64,
  sliceBytes: 4 * 1024 * 1024,
  refBytes: 512,
} as const;
