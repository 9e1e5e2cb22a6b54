// The runner's named limits: nothing that a runner does is unbounded.

export const RUNNER_LIMITS = {
  leaseMs: 5_000,
  /** For slow networks (`--lease relaxed`): a runner is missed later, and may be silent longer. */
  relaxedLeaseMs: 20_000,
  shortestLeaseMs: 500,
  concurrency: 4,
  drainTimeoutMs: 30_000,
  /** Turns of one activation where `limits.max_steps` sets none. */
  maxSteps: 10,
  /** Wall time of one attempt at an activation where `limits.timeout` sets none. */
  agentTimeoutMs: 30 * 60_000,
  /** Takeovers beyond `retry.max_attempts` before a task counts as one that kills its runners. */
  takeovers: 5,
  /** How long a runner counts as present after it last announced itself. */
  announceMs: 10_000,
  /** How often each runner looks for activations that no job stands for. */
  sweepMs: 2_000,
  /** The part of its time that a runner sweeps at most: a sweep looks at every task under way. */
  sweepShare: 0.05,
  /**
   * How long after its bell rang a runner may go on with what it starts, without a bell in between. Short, so that whoever
   * waits in the queue waits this much longer at most; long enough for activations that cost less than a bell.
   */
  goOnMs: 500,
  /** How long tasks are kept after their end, those that failed in case of a retry for longer, and how many at most. */
  retention: { keptMs: 7 * 86_400_000, keptFailedMs: 30 * 86_400_000, keptTasks: 10_000 },
  /** How long a snapshot is kept that no task names, and how often a runner looks for such. */
  snapshotRetention: { graceMs: 3_600_000, roundEveryMs: 600_000 },
  /** Snapshots kept in memory, newest use first. */
  snapshots: 16,
  /** Appends that may find the chain moved by other branches before the record is given up as unreachable. */
  appendTries: 50,
  /** Output tokens asked of a model where its endpoint sets no `max_tokens`. */
  maxOutputTokens: 4_096,
  /** Of a ModelEndpoint where its manifest says nothing else; `longestMs` bounds the doubling of `openMs`. */
  breaker: { failures: 5, windowMs: 30_000, openMs: 10_000, longestMs: 120_000 },
  /**
   * Of a runner that works in previews: how often it looks for them, how long it counts as being in one after it said so last,
   * how long it waits for what is under way in one that is over, and activations at once in each.
   */
  previews: { roundMs: 1_000, staysMs: 20_000, drainMs: 2_000, concurrency: 2 },
} as const;

/** Tries of one model turn, the first included, where the task sets no `message_retry`. */
export const MODEL_RETRY = { maxAttempts: 3, backoffMs: 500, maxBackoffMs: 30_000 } as const;
