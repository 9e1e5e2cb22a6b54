// Named limits of the formats: what a set of manifests may be at most. Each is a refusal with a name, never a hang.

export const MANIFEST_LIMITS = {
  /** Bytes of one manifest file. */
  fileBytes: 1024 * 1024,
  /** Documents in one file. */
  documentsPerFile: 1_000,
  /** Nesting of one document. */
  depth: 64,
  /** Alias expansions in one document. */
  aliases: 100,
  /** Files of one set. */
  files: 100_000,
  /** Folders below one another. */
  folderDepth: 64,
} as const;
