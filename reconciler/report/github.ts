// Speaks with GitHub through Octokit, in the report's own verbs. Nothing outside of this file and its folder knows its client.
import { type CheckVerbs, checkVerbs } from "./github/checks.ts";
import { type GithubOptions, openClient } from "./github/client.ts";
import { type CommentVerbs, commentVerbs } from "./github/comments.ts";
import { type DeploymentVerbs, deploymentVerbs } from "./github/deployments.ts";
import { type IssueVerbs, issueVerbs } from "./github/issues.ts";
import { type PeopleVerbs, peopleVerbs } from "./github/people.ts";
import { type PullVerbs, pullVerbs } from "./github/pulls.ts";

/** Every verb throws PermanentFailure GITHUB_AUTH, _FORBIDDEN, _NOT_FOUND, _REJECTED or TransientFailure GITHUB_UNAVAILABLE. */
export interface Github extends CheckVerbs, CommentVerbs, DeploymentVerbs, IssueVerbs, PeopleVerbs, PullVerbs {
  /** The repository's page, without a slash at its end. */
  readonly repositoryUrl: string;
}

export function connectGithub(options: GithubOptions): Github {
  const client = openClient(options);
  const { owner, name } = options.repository;
  return {
    repositoryUrl: `${webUrl(options.apiUrl)}/${owner}/${name}`,
    ...checkVerbs(client),
    ...commentVerbs(client),
    ...deploymentVerbs(client),
    ...issueVerbs(client),
    ...peopleVerbs(client),
    ...pullVerbs(client),
  };
}

function webUrl(apiUrl: string): string {
  const { protocol, host } = new URL(apiUrl);
  return host === "api.github.com" ? "https://github.com" : `${protocol}//${host.replace(/^api\./, "")}`;
}
