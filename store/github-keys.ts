// The key names of what is remembered about GitHub: what pull requests were shown, what people said there, the issue on drift.
import { environmentTag } from "./keys.ts";

export interface GithubKeys {
  /** string: a webhook told of a command that nobody has looked for yet. */
  readonly commandHeard: string;
  /** string: up to when comments were read for commands, by GitHub's clock. */
  readonly commandCursor: string;
  /** zset: id of a comment, or of a pressed button, whose command was carried out, or refused → when, in ms. */
  readonly commandsDone: string;
  /** hash: check run, button and person → a button that was pressed and not carried out yet. */
  readonly clicks: string;
  /** hash: `<namespace>/<task>.<id>` of an approval → the check that tells of it. */
  readonly approvalChecks: string;
  /** string: where GitHub was told that the environment stands. */
  readonly deployment: string;
  /** hash: digest of prunes → who confirmed them on a pull request. */
  readonly pruneWords: string;
  /** hash: digest of changes → who released them on a pull request. */
  readonly applyWords: string;
  /** string: the issue that tells of the environment's drift, and what it was told last. */
  readonly driftIssue: string;
  /** hash: holder, token, until: who tells of the drift now. Never deleted, as the lock. */
  readonly driftLock: string;
  /** hash: number of a pull request → what it was shown. */
  readonly pulls: string;
  /** zset: head of a pull request → when a check was put on it first, in ms. */
  readonly checkedHeads: string;
}

export function githubKeys(env: string): GithubKeys {
  const tag = environmentTag(env);
  return {
    commandHeard: `${tag}:command-heard`,
    commandCursor: `${tag}:command-cursor`,
    commandsDone: `${tag}:commands-done`,
    clicks: `${tag}:clicks`,
    approvalChecks: `${tag}:approval-checks`,
    deployment: `${tag}:deployment`,
    pruneWords: `${tag}:prune-words`,
    applyWords: `${tag}:apply-words`,
    driftIssue: `${tag}:drift-issue`,
    driftLock: `${tag}:drift-lock`,
    pulls: `${tag}:pulls`,
    checkedHeads: `${tag}:pulls-heads`,
  };
}
