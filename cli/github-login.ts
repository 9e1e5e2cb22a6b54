// Who this process is to GitHub about a repository: the owner of GITHUB_TOKEN, or a GitHub App.
import type { Token } from "../reconciler/token-source.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

/** `repository`: `owner/name`. Undefined: nobody. Throws UsageFailure where it could be either. */
export async function githubLogin(host: Host, repository: string): Promise<Token | undefined> {
  const { token, app, apiUrl } = host.config.github;
  if (app === undefined) return token;
  if (token !== undefined)
    throw new UsageFailure(
      "GITHUB_TOKEN and COUNTWHEEL_GITHUB_APP_ID are both set, and would be two accounts on the page: unset one of them",
    );
  const [owner = "", name = ""] = repository.split("/");
  // Loaded here: most processes are no App.
  const { appTokens } = await import("../reconciler/report/github/app-tokens.ts");
  return appTokens({ apiUrl, app, repository: { owner, name }, signal: host.signal, now: host.now });
}
