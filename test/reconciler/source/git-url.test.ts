import { describe, expect, it } from "vitest";
import { parseRef } from "../../../reconciler/source/git/ref.ts";
import { parseRepository } from "../../../reconciler/source/git-url.ts";

describe("the addresses of repositories", () => {
  it.each([
    ["https://github.com/acme/agents.git", "https", "https://github.com/acme/agents.git"],
    ["HTTPS://GitHub.com/acme/agents", "https", "https://github.com/acme/agents"],
    ["https://git.acme.test:8443/a", "https", "https://git.acme.test:8443/a"],
    ["http://127.0.0.1:3000/a.git", "http", "http://127.0.0.1:3000/a.git"],
    ["http://[::1]:3000/a.git", "http", "http://[::1]:3000/a.git"],
    ["ssh://git@github.com/acme/agents.git", "ssh", "ssh://git@github.com/acme/agents.git"],
    ["git@github.com:acme/agents.git", "ssh", "git@github.com:acme/agents.git"],
    ["github.com:acme/agents.git", "ssh", "github.com:acme/agents.git"],
  ])("allows %s", (text, protocol, url) => {
    expect(parseRepository(text)).toEqual({ kind: "remote", protocol, url });
  });

  it.each([
    ["/srv/git/agents.git", "/srv/git/agents.git"],
    ["../agents", "../agents"],
    [".", "."],
    ["./odd:name", "./odd:name"],
    ["file:///srv/git/my%20agents.git", "/srv/git/my agents.git"],
  ])("takes %s for a path on this machine", (text, path) => {
    expect(parseRepository(text)).toEqual({ kind: "local", path });
  });

  it.each([
    "",
    "ext::sh -c 'touch /tmp/owned'",
    "EXT::sh -c id",
    "fd::17",
    "http::https://host/x",
    "git://github.com/acme/agents.git",
    "ftp://host/x",
    "--upload-pack=touch /tmp/owned",
    "-oProxyCommand=x:y",
    "ssh://-oProxyCommand=x/y",
    "ssh://host%20x/y",
    "ssh://-x@host/y",
    "-x@host:y",
    "git@-oProxyCommand=x:y",
    "git@host:-x",
    "host:",
    "http://github.com/acme/agents.git",
    "http://localhost.evil.test/x",
    "http://127.0.0.1.evil.test/x",
    "https://host/x?private_token=canary",
    "https://host\\@evil.test/x",
    "https://host/x\n",
    "/srv/git/\u202egit.a",
    "file://server/share/x.git",
    "file:///srv/%00",
    "file:///srv/%2Fx",
  ])("refuses %j", (text) => {
    expect(parseRepository(text).kind).toBe("refused");
  });

  it.each([
    "https://user:canary@github.com/acme/agents.git",
    "https://canary@github.com/acme/agents.git",
    "ssh://git:canary@github.com/acme/agents.git",
    "git:canary@github.com:acme/agents.git",
    "https://host/x?token=canary",
    "ftp://user:canary@host/x",
    "https://user:canary@ho st/x",
  ])("refuses credentials in %s without repeating them", (text) => {
    const answer = parseRepository(text);
    expect(answer.kind).toBe("refused");
    expect(JSON.stringify(answer)).not.toContain("canary");
  });
});

describe("the names of refs", () => {
  it("prefers the branch to the tag of the same name", () => {
    expect(parseRef("main")).toEqual({
      kind: "names",
      names: ["refs/heads/main", "refs/tags/main", "refs/remotes/main"],
      abbreviated: undefined,
    });
  });

  it("takes a full name as it is, and a whole id as a commit", () => {
    expect(parseRef("refs/pull/7/head")).toMatchObject({ kind: "names", names: ["refs/pull/7/head"] });
    expect(parseRef("A".repeat(40))).toEqual({ kind: "commit", sha: "a".repeat(40) });
    expect(parseRef("deadbee")).toMatchObject({ kind: "names", abbreviated: "deadbee" });
  });

  it.each([
    "",
    "-x",
    "--upload-pack=x",
    "a b",
    "a\nb",
    "@{-1}",
    "main@{1}",
    "@",
    "a..b",
    "a:b",
    "a^",
    "a~1",
    "a*",
    "/a",
    "a/",
    "a//b",
    "a.lock",
    ".a",
    "a/.b",
    "a.",
    "\u202ea",
    "x".repeat(600),
  ])("refuses %j", (text) => {
    expect(parseRef(text).kind).toBe("refused");
  });
});
