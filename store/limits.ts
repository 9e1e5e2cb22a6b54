// Named limits of what the store keeps. Each bounds something that would grow with every apply.

export const STORE_LIMITS = {
  /** Applies in the history. */
  keptApplies: 1_000,
  /** Plans that are known to be used: they expire long before so many others were applied. */
  keptPlans: 10_000,
  /** Applies that can be rolled back to: manifests that were replaced or pruned are kept for so many more. */
  rollbackApplies: 100,
  /** Records that one apply names in the history as written; with more, whoever follows it reads the whole state. */
  toldRecords: 2_000,
  /** Manifests that one apply collects at most; the next goes on. */
  collectedAtOnce: 5_000,
} as const;
