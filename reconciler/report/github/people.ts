// Accounts: who the token is, and what somebody may do.
import { attempt, type Client, isFailure } from "./client.ts";

export interface PeopleVerbs {
  /** The token's own account; null for an App's token, which has none that may be asked for. It is asked for once. */
  findViewer(): Promise<string | null>;
  /** Whether this account may write to the repository at this moment. */
  mayWrite(login: string): Promise<boolean>;
}

export function peopleVerbs({ octokit, at }: Client): PeopleVerbs {
  const { repos, users } = octokit.rest;
  let viewer: string | null | undefined;
  return {
    findViewer: async () => {
      if (viewer === undefined)
        viewer = await attempt("ask who the token is", async () => (await users.getAuthenticated()).data.login).catch(
          nobodyIfForbidden,
        );
      return viewer;
    },
    mayWrite: async (username) => {
      try {
        const { permission } = await attempt(
          `ask what ${username} may do`,
          async () => (await repos.getCollaboratorPermissionLevel({ ...at, username })).data,
        );
        return permission === "admin" || permission === "write";
      } catch (error) {
        // No account of that name any more.
        if (isFailure(error, "GITHUB_NOT_FOUND")) return false;
        throw error;
      }
    },
  };
}

function nobodyIfForbidden(error: unknown): null {
  if (isFailure(error, "GITHUB_FORBIDDEN")) return null;
  throw error;
}
