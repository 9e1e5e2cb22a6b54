// Who may answer an approval: approvers by name, and two people where a rule wants two.
import { expect, it } from "vitest";
import { githubIdentity, type Identity, identityText, whyNotAnswer } from "../../contracts/approval.ts";
import { strictestTerms } from "../../policies/approval.ts";

const TERMS = { ttlMs: 1, notRequester: false, approvers: null };
const identity = (text: string, id?: number): Identity => {
  const [kind, name] = text.split(":") as [Identity["kind"], string];
  return { kind, name, ...(id === undefined ? {} : { id }) };
};

it.each([
  ["github:ben", "github:Ben", true],
  ["github:Ben", "github:ben", true],
  ["token:CI", "token:ci", true],
  ["local:ada", "local:Ada", false],
  ["github:ben", "token:ben", false],
  ["github:ben", "local:ben", false],
  ["github:ben", "github:ben@ghe.example.com", false],
  ["github:ben@GHE.example.com", "github:Ben@ghe.example.com", true],
  ["github:ben", "github:ben2", false],
])("approvers: [%s], answered by %s: %s", (approver, by, may) => {
  const why = whyNotAnswer({ ...TERMS, approvers: [approver] }, identity(by), "approved", null);
  expect(why === undefined).toBe(may);
});

it.each([
  ["token:ada", "token:ada", false],
  ["token:ada", "token:ben", true],
  ["local:ada", "token:ada", false],
  ["local:Ada", "github:ada", false],
  ["local:ada", "github:ada@ghe.example.com", false],
  ["github:ada", "github:ben", true],
  ["local:ada", "local:ben", true],
])("not_requester: asked for by %s, approved by %s: %s", (asker, by, may) => {
  const terms = { ...TERMS, notRequester: true };
  expect(whyNotAnswer(terms, identity(by), "approved", identity(asker)) === undefined).toBe(may);
  expect(whyNotAnswer(terms, identity(by), "denied", identity(asker))).toBeUndefined();
  expect(whyNotAnswer(TERMS, identity(by), "approved", identity(asker))).toBeUndefined();
  expect(whyNotAnswer(terms, identity(by), "approved", null)).toBeUndefined();
});

it("not_requester knows a GitHub user who has changed their login", () => {
  const why = whyNotAnswer(
    { ...TERMS, notRequester: true },
    identity("github:b", 7),
    "approved",
    identity("github:a", 7),
  );
  expect(why).toContain("github:b, by the name github:a, asked for the task");
});

it.each([
  ["https://api.github.com", "github:Ben"],
  ["https://api.github.com/", "github:Ben"],
  ["https://API.GitHub.com:443", "github:Ben"],
  ["http://api.github.com", "github:Ben@github.com"],
  ["https://api.github.com:8443", "github:Ben@github.com:8443"],
  ["https://api.github.com@evil.example", "github:Ben@evil.example"],
  ["https://api.github.com.evil.example", "github:Ben@github.com.evil.example"],
  ["https://evil.example/api.github.com", "github:Ben@evil.example"],
  ["https://ghe.example.com/api/v3", "github:Ben@ghe.example.com"],
  ["https://api.octocorp.ghe.com", "github:Ben@octocorp.ghe.com"],
  ["http://127.0.0.1:4711", "github:Ben@127.0.0.1:4711"],
])("a user of the GitHub at %s is %s", (apiUrl, text) => {
  const by = githubIdentity(apiUrl, { login: "Ben", id: 7 });
  expect([identityText(by), by.id]).toEqual([text, 7]);
});

it("who may answer by two rules is who both name, in whatever case", () => {
  const both = (a: readonly string[], b: readonly string[]) =>
    strictestTerms({ ...TERMS, approvers: a }, { ...TERMS, approvers: b }).approvers;
  expect(both(["github:Ben", "token:ci", "local:Ada"], ["github:ben", "token:CI", "local:ada"])).toEqual([
    "github:Ben",
    "token:ci",
  ]);
});
