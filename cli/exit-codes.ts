// The exit codes of every command (CONTRACT), and the words that `--help` prints for them.

export const EXIT = {
  ok: 0,
  failed: 1,
  changes: 2,
  invalid: 3,
  blocked: 4,
  stale: 5,
  usage: 64,
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_CODE_HELP = `Exit codes:
  0   fine, or nothing to do
  1   failed
  2   changes or drift present (plan --detailed-exitcode, drift)
  3   manifests invalid
  4   blocked by a guard or by policy
  5   stale plan or lost lease
  64  wrong usage
  70  a bug of Countwheel`;
