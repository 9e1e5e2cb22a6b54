// Who a person is on GitHub, by a token of theirs and in GitHub's own words.
import { TransientFailure } from "../../../contracts/failure.ts";
import { attempt, type Connection, createOctokit, isFailure } from "./client.ts";

export type GithubUser =
  | { readonly outcome: "user"; readonly login: string; readonly id: number }
  /** An App's token, or that of an Actions job: it has no user. */
  | { readonly outcome: "nobody" }
  /** An account that no person signs in with, or none that is known. */
  | { readonly outcome: "no-person"; readonly login: string; readonly type: string };

/** Throws PermanentFailure GITHUB_AUTH, _NOT_FOUND, _REJECTED or TransientFailure GITHUB_UNAVAILABLE. */
export async function readGithubUser(connection: Connection): Promise<GithubUser> {
  const { users } = createOctokit(connection).rest;
  try {
    return userOf(await attempt("ask who the token is", async () => (await users.getAuthenticated()).data));
  } catch (error) {
    if (isFailure(error, "GITHUB_FORBIDDEN")) return { outcome: "nobody" };
    throw error;
  }
}

const LOGIN = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;

/** What answers may be anything: it is believed only where it has the form of GitHub's answer. */
function userOf(data: { readonly login?: unknown; readonly id?: unknown; readonly type?: unknown }): GithubUser {
  const { login, id, type } = data ?? {};
  if (typeof login !== "string" || typeof id !== "number" || !Number.isSafeInteger(id) || typeof type !== "string") {
    const text = "Could not ask who the token is: what answered is not GitHub's API; is GITHUB_API_URL wrong?";
    throw new TransientFailure("GITHUB_UNAVAILABLE", text);
  }
  return type === "User" && LOGIN.test(login) ? { outcome: "user", login, id } : { outcome: "no-person", login, type };
}
