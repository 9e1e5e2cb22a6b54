// The tokens of a GitHub App on one repository: its installation is looked up once, and each token is made anew before it
// ends. https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
import type { KeyObject } from "node:crypto";
import { createAppAuth } from "@octokit/auth-app";
import type { Octokit } from "@octokit/rest";
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { TokenSource } from "../../token-source.ts";
import { attempt, createOctokitWith, type GithubRepository } from "./client.ts";

export interface GithubApp {
  /** The App's number, or its client ID. */
  readonly id: string;
  readonly privateKey: KeyObject;
}

export interface AppTokensOptions {
  readonly apiUrl: string;
  readonly app: GithubApp;
  readonly repository: GithubRepository;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

interface Held {
  readonly token: string;
  readonly untilMs: number;
}

/** A request that begins with a token may take its time. */
const RENEW_BEFORE_MS = 5 * 60_000;

export function appTokens(options: AppTokensOptions): TokenSource {
  const make = tokenMaker(options);
  let held: Held | undefined;
  let making: Promise<Held> | undefined;
  return {
    async current() {
      if (held !== undefined && options.now().getTime() < held.untilMs) return held.token;
      // Whoever asks meanwhile waits for the same one.
      making ??= make().finally(() => (making = undefined));
      held = await making;
      return held.token;
    },
    refused(token) {
      if (held?.token === token) held = undefined;
    },
  };
}

/** For what is asked in the App's own name. */
export function openAsApp({ apiUrl, app, signal }: Pick<AppTokensOptions, "apiUrl" | "app" | "signal">): Octokit {
  return createOctokitWith(
    // Whoever asks tries again in its own time.
    { apiUrl, pace: "none", waitForLimitMs: 0, signal },
    { authStrategy: createAppAuth, auth: { appId: app.id, privateKey: pemOf(app.privateKey) } },
  );
}

function tokenMaker({ apiUrl, app, repository, signal, now }: AppTokensOptions): () => Promise<Held> {
  const octokit = openAsApp({ apiUrl, app, signal });
  const what = `log in as the GitHub App ${app.id} at ${repository.owner}/${repository.name}`;
  let installation: number | undefined;
  return async () => {
    try {
      installation ??= await findInstallation(octokit, repository, what);
      return await makeToken(octokit, { installation, repository, what, now });
    } catch (error) {
      // Removed and installed again it has another number.
      installation = undefined;
      throw asLogin(error, what);
    }
  };
}

/** The library's own reading of PKCS#1, in which GitHub hands keys out, depends on how it was bundled. */
function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function findInstallation(octokit: Octokit, { owner, name }: GithubRepository, what: string): Promise<number> {
  const { apps } = octokit.rest;
  return attempt(what, async () => (await apps.getRepoInstallation({ owner, repo: name })).data.id);
}

interface Making {
  readonly installation: number;
  readonly repository: GithubRepository;
  readonly what: string;
  readonly now: () => Date;
}

/** Good for this one repository, wherever else the App is installed. */
async function makeToken(octokit: Octokit, { installation, repository, what, now }: Making): Promise<Held> {
  const wanted = { installation_id: installation, repositories: [repository.name] };
  const { data, headers } = await attempt(what, () => octokit.rest.apps.createInstallationAccessToken(wanted));
  // Both times are GitHub's: how long it lives does not hang on this machine's clock.
  const livesMs = Date.parse(data.expires_at) - (Date.parse(headers.date ?? "") || now().getTime());
  return { token: data.token, untilMs: now().getTime() + livesMs - RENEW_BEFORE_MS };
}

/** Whatever GitHub refuses here stands in the way of every request: all of it is GITHUB_AUTH, with what mends it. */
function asLogin(error: unknown, what: string): unknown {
  if (!(error instanceof PermanentFailure)) return error;
  const { cause, details } = error;
  const text = `Could not ${what}: ${whyNot(error)}.`;
  return new PermanentFailure("GITHUB_AUTH", text, { cause, ...(details === undefined ? {} : { details }) });
}

function whyNot({ code, message, cause }: PermanentFailure): string {
  const said = cause instanceof Error ? cause.message : message;
  switch (code) {
    case "GITHUB_NOT_FOUND":
      return /integration/i.test(said)
        ? "GitHub knows no App with this ID; look at COUNTWHEEL_GITHUB_APP_ID"
        : "it is not installed on this repository; install it there in its settings (Install App), or look at the name";
    case "GITHUB_AUTH":
      return /claim/i.test(said)
        ? "GitHub does not accept the time of this machine; set its clock"
        : "GitHub does not accept the key; COUNTWHEEL_GITHUB_APP_PRIVATE_KEY must be a key of this very App";
    case "GITHUB_FORBIDDEN":
      return "GitHub forbids it; the installation may be suspended";
    default:
      return `GitHub refuses it (${said.slice(0, 300)})`;
  }
}
