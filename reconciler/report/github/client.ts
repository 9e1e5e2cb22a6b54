// The client behind all verbs: Octokit with its retries and limits, and the translation of what it throws.
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { Octokit } from "@octokit/rest";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { Token, TokenSource } from "../../token-source.ts";
import { translateFailure } from "../github-failure.ts";

export interface GithubRepository {
  readonly owner: string;
  readonly name: string;
}

export interface GithubOptions {
  /** `https://api.github.com`, or `https://<host>/api/v3` of a GitHub Enterprise Server. */
  readonly apiUrl: string;
  readonly token: Token;
  readonly repository: GithubRepository;
  /** `github`: writes are spaced as GitHub asks, failed reads are repeated. `none`: every request once, at once. */
  readonly pace: "github" | "none";
  /** A limit that is over within this time is waited for; a longer one is a TransientFailure. */
  readonly waitForLimitMs: number;
  readonly signal?: AbortSignal;
}

/** What a client needs that is about no repository. */
export type Connection = Omit<GithubOptions, "repository">;

/** What each group of verbs is made of. */
export interface Client {
  readonly octokit: Octokit;
  readonly at: { readonly owner: string; readonly repo: string };
}

export const PAGE = 100;
/** A POST or an appending PATCH whose answer is lost may have taken effect: finding it again is the caller's retry. */
export const ONCE = { request: { retries: 0 } };

export function openClient(options: GithubOptions): Client {
  const { owner, name } = options.repository;
  return { octokit: createOctokit(options), at: { owner, repo: name } };
}

const silent = (): void => undefined;

export function createOctokit({ token, ...pacing }: Connection): Octokit {
  if (typeof token === "string") return createOctokitWith(pacing, { auth: token });
  return createOctokitWith(pacing, { authStrategy: () => renewingAuth(token) });
}

type Endpoint = ReturnType<Octokit["request"]["endpoint"]["merge"]>;

/** Octokit's form of who asks. It is the innermost of its hooks: what waited for its turn gets the token of then. */
function renewingAuth(source: TokenSource) {
  const hook = async (request: (options: Endpoint) => Promise<unknown>, options: Endpoint): Promise<unknown> => {
    const token = await source.current();
    const ask = (by: string): Promise<unknown> =>
      request({ ...options, headers: { ...options.headers, authorization: `token ${by}` } });
    try {
      return await ask(token);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // It was revoked, or ended early: replaced once.
      source.refused(token);
      return ask(await source.current());
    }
  };
  return Object.assign(async () => ({ type: "unauthenticated" }), { hook });
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "status" in error && error.status === 401;
}

/** `auth`: Octokit's own options of who asks. */
export function createOctokitWith(
  { apiUrl, pace, waitForLimitMs, signal }: Omit<Connection, "token">,
  auth: Pick<ConstructorParameters<typeof Octokit>[0] & object, "auth" | "authStrategy">,
): Octokit {
  const Paced = Octokit.plugin(throttling, retry);
  const waits = (retryAfter: number, _options: unknown, _octokit: unknown, retries: number): boolean =>
    retries < 2 && retryAfter * 1_000 <= waitForLimitMs;
  return new Paced({
    ...auth,
    baseUrl: apiUrl.replace(/\/+$/, ""),
    userAgent: "countwheel",
    // Limits come back as failures with their wait; Octokit's own lines would mix with ours.
    log: { debug: silent, info: silent, warn: silent, error: silent },
    throttle: { enabled: pace === "github", onRateLimit: waits, onSecondaryRateLimit: waits },
    retry: { enabled: pace === "github", doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451] },
    request: signal === undefined ? {} : { signal },
  });
}

/** `what` says in words what is tried: "create a comment on #7". */
export async function attempt<T>(what: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translateFailure(error, what, Date.now());
  }
}

export function isFailure(error: unknown, code: "GITHUB_FORBIDDEN" | "GITHUB_NOT_FOUND"): error is PermanentFailure {
  return error instanceof PermanentFailure && error.code === code;
}
