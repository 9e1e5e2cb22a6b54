// A GitHub App instead of a token: its tokens are asked for, renewed, shared, and where there is none it says why.
import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { appTokens } from "../../../../reconciler/report/github/app-tokens.ts";
import { connectGithub, type Github } from "../../../../reconciler/report/github.ts";
import type { TokenSource } from "../../../../reconciler/token-source.ts";
import { type GithubServer, startGithub } from "../../../github/server.ts";

const ID = "123456";
const REPOSITORY = { owner: "acme", name: "agents" };
const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const another = generateKeyPairSync("rsa", { modulusLength: 2048 });
const TOKENS = "/access_tokens";

let server: GithubServer;
let now: Date;

beforeEach(async () => {
  now = new Date();
  server = await startGithub({});
  server.apps.register({ id: ID, slug: "countwheel", publicKey });
  server.apps.install(ID, "acme/agents", "acme/others");
  server.state.addPull({ number: 7, headSha: "a".repeat(40) });
});
afterEach(async () => {
  await server.stop();
  expect(server.violations).toEqual([]);
});

function source(app = { id: ID, privateKey }, repository = REPOSITORY): TokenSource {
  return appTokens({ apiUrl: server.url, app, repository, signal: new AbortController().signal, now: () => now });
}

function connect(token: TokenSource, repository = REPOSITORY): Github {
  return connectGithub({ apiUrl: server.url, token, repository, pace: "none", waitForLimitMs: 0 });
}

/** How often a token was made. */
const made = (): number => server.requests.filter(({ path }) => path.endsWith(TOKENS)).length;

/** This machine's clock and GitHub's go on. */
function later(minutes: number): void {
  now = new Date(now.getTime() + minutes * 60_000);
}

describe("the tokens of a GitHub App", () => {
  it("are made for the one repository, once for all who ask at once", async () => {
    const token = source();
    const github = connect(token);
    await Promise.all([github.createComment(7, "one"), github.createComment(7, "two"), token.current()]);
    expect(server.state.comments.map(({ login }) => login)).toEqual(["countwheel[bot]", "countwheel[bot]"]);
    expect([made(), server.apps.tokens().length]).toEqual([1, 1]);
    expect(server.requests.find(({ path }) => path.endsWith(TOKENS))?.body).toEqual({ repositories: ["agents"] });
    await expect(connect(token, { owner: "acme", name: "others" }).mayWrite("ada")).resolves.toBe(false);
    expect(server.requests.filter(({ path }) => path.endsWith("/installation"))).toHaveLength(1);
  });

  it("are renewed before they end", async () => {
    const token = source();
    const first = await token.current();
    later(54);
    expect(await token.current()).toBe(first);
    later(2);
    const second = await token.current();
    expect([second === first, made()]).toEqual([false, 2]);
  });

  it.each([-90, -5, 90])(
    "live for their hour by GitHub's clock, where this machine's is %i minutes off",
    async (off) => {
      now = new Date(now.getTime() + off * 60_000);
      const token = source();
      const first = await token.current();
      later(54);
      expect(await token.current()).toBe(first);
      later(2);
      expect(await token.current()).not.toBe(first);
    },
  );

  it("are replaced where GitHub has ended one before its time, within the same request", async () => {
    const github = connect(source());
    await github.createComment(7, "one");
    server.apps.revoke();
    await github.createComment(7, "two");
    expect([server.state.comments.length, made()]).toEqual([2, 2]);
  });

  it("expire at GitHub: what goes on with one is refused once and gets the next", async () => {
    const github = connect(source());
    await github.createComment(7, "one");
    const began = Date.now();
    server.state.clock = () => new Date(began + 61 * 60_000);
    await github.createComment(7, "two");
    expect([server.state.comments.length, server.apps.tokens().length]).toEqual([2, 2]);
  });

  it("come from the installation of now, where the App was removed and installed again", async () => {
    const github = connect(source());
    await github.createComment(7, "one");
    server.apps.uninstall(ID);
    await expect(github.createComment(7, "two")).rejects.toMatchObject({ code: "GITHUB_AUTH" });
    server.apps.install(ID, "acme/agents");
    await github.createComment(7, "three");
    expect(server.state.comments.map(({ body }) => body)).toEqual(["one", "three"]);
  });

  it("are asked for with the time that GitHub has, where this machine's clock is wrong", async () => {
    const began = Date.now();
    server.state.clock = () => new Date(began + 2 * 3_600_000);
    await connect(source()).createComment(7, "one");
    expect(server.state.comments).toHaveLength(1);
  });

  it.each([
    [
      "is not installed there",
      () => source({ id: ID, privateKey }, { owner: "acme", name: "hidden" }),
      "acme/hidden: it is not installed on this repository; install it",
    ],
    [
      "does not exist",
      () => source({ id: "999", privateKey }),
      "GitHub knows no App with this ID; look at COUNTWHEEL_GITHUB_APP_ID",
    ],
    [
      "has another key",
      () => source({ id: ID, privateKey: another.privateKey }),
      "COUNTWHEEL_GITHUB_APP_PRIVATE_KEY must be a key of this very App",
    ],
    ["is suspended", () => (server.apps.suspend(ID), source()), "the installation may be suspended"],
  ])("where it %s there is none, and the failure says what mends it", async (_, ask, text) => {
    const failure = await ask()
      .current()
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "GITHUB_AUTH", message: expect.stringContaining(text) });
    const shown = JSON.stringify(failure, Object.getOwnPropertyNames(failure)) + String((failure as Error).stack);
    expect(shown).not.toMatch(/PRIVATE KEY-|eyJ/);
  });

  it("are waited for while GitHub is away, and nothing is remembered of it", async () => {
    const token = source();
    server.fail({ method: "POST", path: /access_tokens$/, times: 1, status: 502 });
    await expect(token.current()).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await expect(token.current()).resolves.toMatch(/^ghs_/);
  });
});
