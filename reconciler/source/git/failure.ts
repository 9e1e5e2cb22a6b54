// Translates what git says on stderr into a reason for people. The only place that knows git's wording (LC_ALL=C).
import { showPlainly } from "../files/plain-text.ts";
import type { UnavailableReason } from "../source.ts";
import { Damaged, Unavailable } from "../unavailable.ts";

interface Rule {
  readonly pattern: RegExp;
  readonly code: UnavailableReason["code"];
  readonly say: (repo: string) => string;
}

/** In order: the first that fits is the cause; later lines of stderr are its consequences. */
const RULES: readonly Rule[] = [
  {
    pattern:
      /authentication failed|could not read (username|password)|terminal prompts disabled|returned error: (401|403)|permission denied \(/i,
    code: "REPOSITORY_AUTH",
    say: (repo) =>
      `${repo} refuses us: the token or ssh key is missing, wrong or lacks read access (GitHub answers so for private repositories too)`,
  },
  {
    pattern: /host key verification failed/i,
    code: "REPOSITORY_AUTH",
    say: (repo) =>
      `the host key of ${repo} is not known; add it to ~/.ssh/known_hosts (ssh-keyscan), after checking it`,
  },
  {
    pattern: /returned error: 30\d|unable to update url base from redirection/i,
    code: "REPOSITORY_UNREACHABLE",
    say: (repo) =>
      `${repo} redirects elsewhere, which is not followed; name the address that it redirects to (often only \`.git\` at the end is missing)`,
  },
  {
    pattern: /transport '.*' not allowed|remote helper/i,
    code: "REPOSITORY_REFUSED",
    say: (repo) => `${repo} needs a transport that is not allowed`,
  },
  {
    pattern: /couldn't find remote ref|not our ref|no such ref/i,
    code: "REF_NOT_FOUND",
    say: (repo) => `${repo} no longer has that branch, tag or commit`,
  },
  {
    pattern:
      /not found|returned error: (404|410)|does not appear to be a git repository|not valid: is this a git repository|no such file or directory/i,
    code: "REPOSITORY_UNREACHABLE",
    say: (repo) =>
      `${repo} does not exist, is no git repository, or is hidden from us; check the address and the token`,
  },
  {
    pattern:
      /early eof|unexpected disconnect|rpc failed|hung up unexpectedly|transfer closed|connection was reset|invalid index-pack output|curl 18|curl 56|expected .*packet/i,
    code: "REPOSITORY_UNREACHABLE",
    say: (repo) => `the connection to ${repo} was cut half-way; nothing of it is used, and the next look tries again`,
  },
  {
    pattern:
      /could not resolve|failed to connect|couldn't connect|connection (refused|reset|timed out)|timed out|network is unreachable|no route to host|unable to access|could not read from remote|returned error: (429|5\d\d)|protocol error|bad line length|ssl|certificate/i,
    code: "REPOSITORY_UNREACHABLE",
    say: (repo) => `${repo} cannot be reached`,
  },
];

const DAMAGE =
  /corrupt|bad object|missing (blob|tree|commit)|unable to (read|find)|could not (read|parse)|loose object|packfile|not a git repository|bad config|invalid (object|sha1)|not a valid object|inflate|not a tree object/i;

/** `repo` is the address without credentials; `stderr` is without the token already. */
export function unavailableFromGit(repo: string, stderr: string): Unavailable {
  const rule = RULES.find(({ pattern }) => pattern.test(stderr));
  const said = lastLine(stderr);
  if (rule === undefined && DAMAGE.test(stderr)) return new Damaged(`${repo} is damaged or incomplete${said}`);
  if (rule === undefined) return new Unavailable("READ_FAILED", `git could not read ${repo}${said}`);
  return new Unavailable(rule.code, `${rule.say(repo)}${said}`);
}

function lastLine(stderr: string): string {
  const lines = stderr.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const telling = lines.find((line) => /^(fatal|error|remote|ssh):/.test(line)) ?? lines.at(-1);
  return telling === undefined ? "" : ` (git: ${showPlainly(telling.slice(0, 300))})`;
}
