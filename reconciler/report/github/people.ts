// Accounts: who the token is.
import { attempt, type Client, isFailure } from "./client.ts";

export interface PeopleVerbs {
  /** The token's own account; null for an App's token, which has none that may be asked for. It is asked for once. */
  findViewer(): Promise<string | null>;
}

export function peopleVerbs({ octokit }: Client): PeopleVerbs {
  const { users } = octokit.rest;
  let viewer: string | null | undefined;
  return {
    findViewer: async () => {
      if (viewer === undefined)
        viewer = await attempt("ask who the token is", async () => (await users.getAuthenticated()).data.login).catch(
          nobodyIfForbidden,
        );
      return viewer;
    },
  };
}

function nobodyIfForbidden(error: unknown): null {
  if (isFailure(error, "GITHUB_FORBIDDEN")) return null;
  throw error;
}
