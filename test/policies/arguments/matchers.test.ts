import { describe, expect, it } from "vitest";
import { compileMatcher } from "../../../policies/arguments/compile-matcher.ts";
import { Work } from "../../../policies/arguments/work.ts";
import type { SpecError } from "../../../policies/compiled.ts";

const UNSEEN = { input: { order: "A-17" }, realPath: (): undefined => undefined };

function judge(spec: unknown, value: unknown, facts: Parameters<typeof holds>[2] = UNSEEN): string {
  return holds(spec, value, facts);
}

function holds(
  spec: unknown,
  value: unknown,
  facts: {
    readonly input: Record<string, string> | undefined;
    readonly realPath: (path: string) => string | null | undefined;
  },
): string {
  const errors: SpecError[] = [];
  const matcher = compileMatcher(spec, "rule", errors);
  expect(errors).toEqual([]);
  return matcher?.holds(value, { ...facts, work: new Work() }) ?? "none";
}

function errorsOf(spec: unknown): string[] {
  const errors: SpecError[] = [];
  compileMatcher(spec, "rule", errors);
  return errors.map(({ rule }) => rule);
}

describe("values", () => {
  it.each([
    ["EUR", "EUR", "yes"],
    ["EUR", "eur", "no"],
    [["EUR", "USD"], "USD", "yes"],
    [["EUR", "USD"], "GBP", "no"],
    [{ equals: { a: [1, 2] } }, { a: [1, 2] }, "yes"],
    [{ equals: { a: [1, 2] } }, { a: [1, 2], b: 3 }, "no"],
    [{ equals: 1 }, "1", "no"],
    [{ equals: null }, null, "yes"],
    [{ not_equals: "x" }, "y", "yes"],
    [{ none_of: ["x"] }, "x", "no"],
    [{ type: "integer" }, 3, "yes"],
    [{ type: "integer" }, 3.5, "no"],
    [{ type: "number" }, Number.POSITIVE_INFINITY, "no"],
    [{ type: "list" }, {}, "no"],
  ])("%j of %j: %s", (spec, value, answer) => {
    expect(judge(spec, value)).toBe(answer);
  });
});

describe("numbers", () => {
  it.each([
    [{ at_most: 100 }, 100, "yes"],
    [{ at_most: 100 }, 100.01, "no"],
    [{ greater_than: 0, less_than: 10 }, 5, "yes"],
    [{ greater_than: 0, less_than: 10 }, 10, "no"],
    [{ at_least: 1 }, -0, "no"],
  ])("%j of %j: %s", (spec, value, answer) => {
    expect(judge(spec, value)).toBe(answer);
  });

  it.each([["1e9"], ["5"], [Number.NaN], [JSON.parse("1e999") as number], [null], [[5]], [true]])(
    "cannot tell whether %j is at most 100",
    (value) => {
      expect(judge({ at_most: 100 }, value)).toBe("unsure");
      expect(judge({ equals: 5 }, JSON.parse("1e999"))).toBe("unsure");
    },
  );
});

describe("texts", () => {
  it.each([
    [{ glob: "reports/*.md" }, "reports/a/b.md", "yes"],
    [{ glob: ["a*", "b*"] }, "bc", "yes"],
    [{ glob: "a*" }, "A", "no"],
    [{ matches: "A-[0-9]+" }, "A-17", "yes"],
    [{ matches: "A-[0-9]+" }, "xA-17", "no"],
    [{ matches: "A-[0-9]+" }, "A-17\nx", "no"],
    [{ max_length: 3 }, "🙂🙂🙂", "yes"],
    [{ max_length: 3 }, [1, 2, 3, 4], "no"],
    [{ min_length: 1 }, "", "no"],
    [{ equals_input: "order" }, "A-17", "yes"],
    [{ equals_input: "order" }, "A-18", "no"],
    [{ equals_input: "nothing" }, "A-17", "unsure"],
    [{ glob: "a*" }, 5, "unsure"],
    [{ matches: "a*" }, "a".repeat(5_000), "unsure"],
  ])("%j of %j: %s", (spec, value, answer) => {
    expect(judge(spec, value)).toBe(answer);
  });
});

describe("path_within", () => {
  it.each([
    ["/srv/reports/a.md", "yes"],
    ["/srv/reports", "yes"],
    ["/srv/./reports//a/../b.md", "yes"],
    ["/srv/reports/../secrets", "no"],
    ["/srv/reports-old/a", "no"],
    ["/etc/passwd", "no"],
    ["/srv/reports/../../../srv/reports/a", "yes"],
    ["reports/a.md", "unsure"],
    ["~/x", "unsure"],
    ["/srv/reports/%2e%2e/secrets", "unsure"],
    ["/srv/reports\\..\\secrets", "unsure"],
    ["/srv/reports/a\u0000.md", "unsure"],
    ["file:///srv/reports/a", "unsure"],
    ["C:/srv/reports", "unsure"],
    ["/srv/reports/\uff0e\uff0e\uff0fsecrets", "unsure"],
    ["", "unsure"],
  ])("%j: %s", (path, answer) => {
    expect(judge({ path_within: "/srv/reports" }, path)).toBe(answer);
  });

  it("reads relative paths from `base`", () => {
    const spec = { path_within: { roots: ["/srv/reports"], base: "/srv/reports/today" } };
    expect([judge(spec, "a.md"), judge(spec, "../b.md"), judge(spec, "../../c.md")]).toEqual(["yes", "yes", "no"]);
  });

  it("follows links: a path that really leads elsewhere is not within, one that cannot be followed is unknown", () => {
    const links: Record<string, string | null> = {
      "/srv/reports": "/srv/reports",
      "/srv/reports/out": "/etc",
      "/srv/reports/gone": null,
    };
    const facts = { input: {}, realPath: (path: string) => links[path] ?? null };
    expect(judge({ path_within: "/srv/reports" }, "/srv/reports/out", facts)).toBe("no");
    expect(judge({ path_within: "/srv/reports" }, "/srv/reports/gone", facts)).toBe("unsure");
    expect(judge({ path_within: "/srv/reports" }, "/srv/reports", facts)).toBe("yes");
  });

  it("follows a root that is a link itself", () => {
    const real: Record<string, string> = { "/data": "/mnt/data", "/data/a": "/mnt/data/a" };
    expect(judge({ path_within: "/data" }, "/data/a", { input: {}, realPath: (path) => real[path] ?? null })).toBe(
      "yes",
    );
  });
});

describe("url_host", () => {
  it.each([
    ["https://api.example.com/x?y=1", "yes"],
    ["https://API.Example.com./x", "yes"],
    ["https://api.example.com:8443/", "yes"],
    ["https://evil.example/?api.example.com", "no"],
    ["https://api.example.com.evil.example/", "no"],
    ["https://api.example.com@evil.example/", "unsure"],
    ["https://user:secret@api.example.com/", "unsure"],
    ["https://@evil.example/", "unsure"],
    ["https:\\\\api.example.com\\x", "unsure"],
    ["https://api.example.com\t.evil.example/", "unsure"],
    [" https://api.example.com/", "unsure"],
    ["//api.example.com/", "unsure"],
    ["api.example.com", "unsure"],
    ["ftp://api.example.com/", "no"],
    ["javascript:alert(1)//api.example.com", "unsure"],
    ["https://xn--pi-uia.example.com/", "no"],
  ])("api.example.com, %j: %s", (url, answer) => {
    expect(judge({ url_host: "api.example.com" }, url)).toBe(answer);
  });

  it.each([
    ["https://a.example.com/", "yes"],
    ["https://a.b.example.com/", "yes"],
    ["https://example.com/", "no"],
    ["https://badexample.com/", "no"],
  ])("*.example.com, %j: %s", (url, answer) => {
    expect(judge({ url_host: ["*.example.com"] }, url)).toBe(answer);
  });

  it.each([
    ["http://93.184.216.34/", "yes"],
    ["http://example.com/", "yes"],
    ["http://127.0.0.1/", "no"],
    ["http://2130706433/", "no"],
    ["http://0x7f.1/", "no"],
    ["http://0177.0.0.1/", "no"],
    ["http://127.1/", "no"],
    ["http://[::1]/", "no"],
    ["http://[::ffff:127.0.0.1]/", "no"],
    ["http://[::ffff:7f00:1]/", "no"],
    ["http://[64:ff9b::10.0.0.1]/", "no"],
    ["http://[2002:7f00:1::]/", "no"],
    ["http://[fd00::1]/", "no"],
    ["http://[fe80::1]/", "no"],
    ["http://[2606:4700::1111]/", "yes"],
    ["http://169.254.169.254/latest/meta-data", "no"],
    ["http://10.1.2.3/", "no"],
    ["http://172.16.0.1/", "no"],
    ["http://100.64.0.1/", "no"],
    ["http://0.0.0.0/", "no"],
    ["http://localhost/", "no"],
    ["http://db.internal/", "no"],
    ["http://intranet/", "no"],
  ])("public addresses, %j: %s", (url, answer) => {
    expect(judge({ url_host: { addresses: ["public"] } }, url)).toBe(answer);
  });

  it("bounds schemes and ports", () => {
    const spec = { url_host: { hosts: ["a.example"], schemes: ["https"], ports: [443] } };
    expect(judge(spec, "https://a.example/")).toBe("yes");
    expect(judge(spec, "http://a.example/")).toBe("no");
    expect(judge(spec, "https://a.example:8443/")).toBe("no");
  });
});

describe("argv", () => {
  const LOG = {
    argv: { starts_with: ["git", "log"], only_options: ["--oneline", "-n", "--format"], forbid: ["--exec-path"] },
  };
  it.each([
    [["git", "log", "--oneline", "main"], "yes"],
    [["git", "log", "--format=%H"], "yes"],
    [["git", "log", "--", "--output=x"], "yes"],
    [["git", "log", "--output=x"], "no"],
    [["git", "push"], "no"],
    [["git", "-c", "alias.log=!sh", "log"], "unsure"],
    [["/tmp/git", "log"], "no"],
    ["git log", "unsure"],
    [["git", 5], "unsure"],
    [[], "unsure"],
  ])("%j: %s", (value, answer) => {
    expect(judge(LOG, value)).toBe(answer);
  });

  it.each([
    [["tar", "x", "--checkpoint-action=exec=sh"], "no"],
    [["tar", "x", "--checkpoint-a"], "no"],
    [["tar", "x", "-Iid"], "no"],
    [["tar", "x", "-vI"], "no"],
    [["tar", "x", "a.tar"], "yes"],
  ])("sees forbidden options however they are written: %j: %s", (value, answer) => {
    expect(judge({ argv: { starts_with: ["tar"], forbid: ["--checkpoint-action", "-I"] } }, value)).toBe(answer);
  });
});

describe("sql", () => {
  it.each([
    ["select * from orders where id = 'drop; table'", "yes"],
    ["SELECT 1;", "yes"],
    ["with a as (select 1) select * from a -- delete", "yes"],
    ["select /* delete */ 1", "yes"],
    ['select "update" from t', "yes"],
    ["select 1; drop table orders", "no or unsure"],
    ["with gone as (delete from orders returning *) select * from gone", "no"],
    ["select * into outfile '/tmp/x' from t", "no"],
    ["select /*! 1 */ 2", "no or unsure"],
    ["select /* /* */ delete from t */ 1", "no or unsure"],
    ["explain analyze delete from t", "no"],
    ["de/**/lete from t", "no"],
    ["select 'a\\' ; delete from t -- '", "unsure"],
    ["select $$x$$", "unsure"],
    ["select 'never ends", "unsure"],
    ["delete from orders", "no"],
    ["", "no"],
    ["42", "no"],
  ])("%j: %s", (text, answer) => {
    expect(answer.split(" or ")).toContain(judge({ sql: "select" }, text));
  });

  it("allows what is listed", () => {
    expect(judge({ sql: ["select", "insert"] }, "insert into t select 1")).toBe("yes");
    expect(judge({ sql: ["insert"] }, "insert into t select 1")).toBe("no");
  });
});

describe("lists and objects", () => {
  it.each([
    [{ all: { glob: "*@example.com" } }, ["a@example.com", "b@example.com"], "yes"],
    [{ all: { glob: "*@example.com" } }, ["a@example.com", "b@evil.example"], "no"],
    [{ all: { glob: "*@example.com" } }, ["a@example.com", 5], "unsure"],
    [{ all: { glob: "*@example.com" } }, "a@example.com", "unsure"],
    [{ any: { equals: 1 } }, [], "no"],
    [{ none: { equals: 1 } }, [2, 3], "yes"],
    [{ all: { fields: { qty: { at_most: 5 } } } }, [{ qty: 1 }, { qty: 9 }], "no"],
    [{ fields: { a: { equals: 1 }, b: { type: "string", optional: true } } }, { a: 1 }, "yes"],
    [{ fields: { a: { equals: 1 } } }, {}, "unsure"],
    [{ fields: { a: 1 }, only_fields: ["a"] }, { a: 1, z: 2 }, "no"],
    [{ not: { glob: "x*" } }, "y", "yes"],
  ])("%j of %j: %s", (spec, value, answer) => {
    expect(judge(spec, value)).toBe(answer);
  });
});

describe("what is no matcher", () => {
  it.each([
    [{}, "rule"],
    [{ at_mots: 5 }, "rule.at_mots"],
    [{ at_most: "5" }, "rule.at_most"],
    [{ matches: "(" }, "rule.matches"],
    [{ matches: "a".repeat(300) }, "rule.matches"],
    [{ path_within: "relative" }, "rule.path_within"],
    [{ path_within: { root: "/x" } }, "rule.path_within.root"],
    [{ url_host: "https://x.example" }, "rule.url_host"],
    [{ url_host: "*" }, "rule.url_host"],
    [{ url_host: { addresses: ["publik"] } }, "rule.url_host.addresses"],
    [{ argv: { starts_with: [] } }, "rule.argv"],
    [{ sql: "selekt" }, "rule.sql"],
    [{ all: { nope: 1 } }, "rule.all.nope"],
    [{ one_of: [] }, "rule.one_of"],
    [{ constructor: 1 }, "rule.constructor"],
    [{ optional: true }, "rule"],
  ])("%j is named at %s", (spec, rule) => {
    expect(errorsOf(spec)).toContain(rule);
  });
});
