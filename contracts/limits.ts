// Named limits of the formats: what a set of manifests may be at most. Each is a refusal with a name, never a hang.

export const MANIFEST_LIMITS = {
  /** Bytes of one manifest file. */
  fileBytes: 1024 * 1024,
  /** Documents in one file. */
  documentsPerFile: 1_000,
  /**
   * Marks, keys and values of one document, as the lexer counts them: about six a line. Reading this many takes some
   * 15 ms that nothing can interrupt; a manifest of a thousand lines has 6,000.
   */
  lexemesPerDocument: 30_000,
  /** The same for a file. */
  lexemesPerFile: 300_000,
  /** Escapes in one text that YAML does not know: each makes an error, and a text is one piece to YAML. */
  badEscapes: 1_000,
  /** Problems of one document that are told one by one. */
  problemsPerDocument: 200,
  /** Nesting of one document. */
  depth: 64,
  /** Alias expansions in one document. */
  aliases: 100,
  /** Files of one set. */
  files: 100_000,
  /** Folders below one another. */
  folderDepth: 64,
  /** Of a Tool's `.proto` that is checked where it is read: 50 ms, and nothing yields in between. A call takes more. */
  checkedProtoCharacters: 32_768,
} as const;
