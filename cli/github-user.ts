// Who somebody is on GitHub: asked of GitHub itself, with their own token, at the moment in which it counts.
import { githubIdentity, type Identity } from "../contracts/approval.ts";
import type { Host } from "./host.ts";
import { BlockedFailure, UsageFailure } from "./output.ts";

const ASK_MS = 10_000;
const LOOPBACK: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];

/**
 * Throws UsageFailure, BlockedFailure GITHUB_NO_PERSON, or what GitHub's not answering as it should comes to: whoever cannot be
 * asked about is nobody.
 */
export async function githubPerson({ config: { github }, signal }: Host): Promise<Identity> {
  const { token, apiUrl } = github;
  if (token === undefined) throw new UsageFailure("`--github` needs GITHUB_TOKEN, a token of yours (`gh auth token`)");
  refusePlain(apiUrl);
  // Loaded here: most commands ask nobody.
  const { readGithubUser } = await import("../reconciler/report/github/user.ts");
  const asked = AbortSignal.any([signal, AbortSignal.timeout(ASK_MS)]);
  const found = await readGithubUser({ apiUrl, token, pace: "none", waitForLimitMs: 0, signal: asked });
  switch (found.outcome) {
    case "user":
      return githubIdentity(apiUrl, found);
    case "nobody":
      throw noPerson("has no user: it is an App's, or an Actions job's, or may not say whose it is");
    case "no-person":
      throw noPerson(`is of an account of the type ${found.type}`);
  }
}

/** Whoever is in between could say that somebody is anybody. */
function refusePlain(apiUrl: string): void {
  const url = URL.canParse(apiUrl) ? new URL(apiUrl) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.includes(url.hostname));
  if (!isSafe) throw new UsageFailure("GITHUB_API_URL must be an https:// address: it says who you are");
}

function noPerson(why: string): BlockedFailure {
  const message = `the token in GITHUB_TOKEN ${why}; use a personal one (\`gh auth token\`)`;
  return new BlockedFailure("GITHUB_NO_PERSON", message);
}
