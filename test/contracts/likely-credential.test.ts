// What looks like a credential, wherever it stands, and what only looks a little like one. None of these is real: they are
// put together here, so that no scanner of repositories takes them for what they imitate.
import { describe, expect, it } from "vitest";
import { findLikelyCredentials } from "../../contracts/likely-credential.ts";
import { mayHoldCredential } from "../../contracts/sensitive.ts";
import { cpuClock } from "../cpu-clock.ts";

const chance = (length: number): string =>
  Array.from({ length }, (_, index) => "a7Kq2ZxW9mB4tR"[(index * 5 + (index >> 2)) % 14]).join("");
const upper = (length: number): string =>
  chance(length)
    .toUpperCase()
    .replace(/[^A-Z2-7]/g, "Q");

const FOUND: readonly (readonly [string, string, string])[] = [
  ["an Anthropic key", `sk-ant-api03-${chance(40)}`, "sk-a…"],
  ["an OpenAI key", `sk-proj-${chance(48)}`, "sk-p…"],
  ["a Stripe key", `rk_live_${chance(24)}`, "rk_l…"],
  ["a GitHub token", `ghp_${chance(36)}`, "ghp_…"],
  ["a GitHub token", `github_pat_${chance(60)}`, "gith…"],
  ["a GitLab token", `glpat-${chance(20)}`, "glpa…"],
  ["an AWS access key", `AKIA${upper(16)}`, "AKIA…"],
  ["a Slack token", `xoxb-${chance(30)}`, "xoxb…"],
  ["a Google API key", `AIza${chance(35)}`, "AIza…"],
  ["an npm token", `npm_${chance(36)}`, "npm_…"],
  ["a Hugging Face token", `hf_${chance(34)}`, "hf_a…"],
  ["an age identity", `AGE-SECRET-KEY-1${upper(58)}`, "AGE-…"],
  ["an API token of Countwheel", `cw_main_${chance(43)}`, "cw_m…"],
  ["a JSON Web Token", `eyJ${chance(20)}.eyJ${chance(30)}.${chance(43)}`, "eyJa…"],
];

describe("in a text", () => {
  it.each(FOUND)("%s is found as %s, in the middle of anything", (what, value, shown) => {
    for (const [before, after] of [
      ["", ""],
      ["prompt: |\n  Use ", " for it.\n"],
      ['args: ["--key=', '"]'],
      ["# old: ", ""],
    ]) {
      const text = `${before}${value}${after}`;
      expect(mayHoldCredential(text)).toBe(true);
      const found = findLikelyCredentials(text);
      expect(found.map((one) => [one.what, one.start, text.slice(one.start, one.end)])).toEqual([
        [what, before?.length, value],
      ]);
      expect(found[0]?.shown).toBe(`${shown}, ${value.length} characters`);
    }
  });

  it.each([
    ["a password in a URL", "postgres://app:", "b7Kq2ZxW", "@db/app"],
    ["a credential in an argument", "--token=", "b7Kq2ZxW9m", " --verbose"],
    ["a credential in an argument", '["--api-key", "--password ', "b7Kq2ZxW9m", '"]'],
    ["a credential in a header", "Authorization: Bearer ", "b7Kq2ZxW9mB4tRb7Kq2Zx", "\n"],
  ])("%s is found, and nothing of it is shown", (what, before, value, after) => {
    const [one, ...others] = findLikelyCredentials(`${before}${value}${after}`);
    expect(others).toEqual([]);
    expect(one).toMatchObject({ what, shown: `${value.length} characters`, start: before.length });
    expect(mayHoldCredential(`${before}${value}${after}`)).toBe(true);
  });

  it("a private key is found from its first line to its last", () => {
    const key = ["-----BEGIN RSA PRIVATE", " KEY-----\n", `${chance(64)}\n`, "-----END RSA PRIVATE", " KEY-----"].join(
      "",
    );
    const [one] = findLikelyCredentials(`a: |\n${key}\nb: c`);
    expect([one?.what, one?.start, one?.end]).toEqual(["a private key", 5, 5 + key.length]);
  });

  it.each([
    ["words with an issuer's beginning", "sk-learn-pipelines-for-everybody-and-more, the task-runner-of-a-long-name-1"],
    ["what documentation writes", `AKIAIOSFODNN7EXAMPLE ghp_${"x".repeat(36)} sk-ant-api03-your-key-comes-here-0000`],
    ["places for values", "postgres://user:${DB_PASSWORD}@db https://<user>:<password>@host redis://:{{.password}}@r"],
    ["a port and an at", "http://host:8080/users/@me ssh://git@github.com:22/x"],
    ["arguments that name one", "--token=$TOKEN --password <password> --secret={{.secret}} --api-key=${KEY}"],
    [
      "digests, ids and certificates",
      `sha256:${"0f1e2d3c".repeat(8)} 3b241101-e2bb-4255-8caf-4136c566a962 age1${"q2w3e4r5".repeat(7)}`,
    ],
    [
      "what is sealed",
      "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB\n-----END AGE ENCRYPTED FILE-----",
    ],
    ["names of a longer word", `pyjghp_${chance(36)} Xnpm_${chance(36)}`],
    ["bearers of other things", "the bearer of this letter; Bearer tokens are sent; Bearer ${TOKEN_OF_THE_SERVICE_1}"],
  ])("%s are none", (_, text) => {
    expect(findLikelyCredentials(text)).toEqual([]);
  });

  it("a fingerprint is of the value alone, wherever it stands", () => {
    const value = `ghp_${chance(36)}`;
    const [[a], [b]] = [findLikelyCredentials(value), findLikelyCredentials(`x: "${value}"`)];
    expect(a?.fingerprint).toMatch(/^[0-9a-f]{12}$/);
    expect(b?.fingerprint).toBe(a?.fingerprint);
  });

  it("of nothing but beginnings is read in no more time than another", () => {
    const spentMs = cpuClock();
    findLikelyCredentials("sk-a://b:eyJ-----BEGIN --token ".repeat(30_000));
    findLikelyCredentials("a".repeat(1_000_000));
    findLikelyCredentials("eyJaaaaaaaaaa.eyJ".repeat(50_000));
    expect(spentMs()).toBeLessThan(3_000);
  });
});
