// Hosts that calls may reach and Secrets that they may use, as the evaluator judges them.
import { describe, expect, it } from "vitest";
import { boundsOf } from "../../policies/bounds.ts";
import { decide, decideOpen } from "../../policies/decide.ts";
import type { ToolData } from "../../policies/request.ts";
import { globalPolicy, modelRequest, SUBJECT, setOf, toolRequest } from "./requests.ts";

const guard = (spec: Readonly<Record<string, unknown>>) => setOf(globalPolicy(spec));
const call = (data: ToolData, args: Readonly<Record<string, unknown>> = {}) =>
  toolRequest({ tool: "fetch", args, facts: { data } });
const egress = (spec: Readonly<Record<string, unknown>>) => guard({ egress: spec });
const HOSTS = { allow_hosts: ["api.example.com", "*.inner.example"] };

describe("egress", () => {
  it.each([
    ["https://api.example.com/v1", "ALLOWED"],
    ["https://API.example.com.:8443/", "ALLOWED"],
    ["https://deep.inner.example", "ALLOWED"],
    ["https://inner.example", "EGRESS_DENIED"],
    ["https://api.example.com.evil.test", "EGRESS_DENIED"],
    ["https://api.example.com@evil.test", "EGRESS_DENIED"],
    ["ftp://api.example.com", "EGRESS_DENIED"],
    ["no url", "EGRESS_DENIED"],
    [null, "EGRESS_DENIED"],
  ])("of a tool whose manifest names %s", (url, code) => {
    expect(decide(call({ reaches: [url] }), egress(HOSTS)).code).toBe(code);
    expect(decide(modelRequest({ uses: { reaches: [url] } }), egress(HOSTS)).code).toBe(code);
    expect(decide({ point: "task_admission", subject: SUBJECT, uses: { reaches: [url] } }, egress(HOSTS)).code).toBe(
      code,
    );
  });

  it.each([
    ["a host that is listed", { url: "https://api.example.com/x" }, "ALLOWED"],
    ["another host", { url: "https://evil.test/x" }, "EGRESS_DENIED"],
    ["a list with another host in it", { url: ["https://api.example.com", "https://evil.test"] }, "EGRESS_DENIED"],
    ["a list of what is listed", { url: ["https://api.example.com"] }, "ALLOWED"],
    ["no URL", { url: { href: "https://api.example.com" } }, "EGRESS_DENIED"],
    ["a decimal address", { url: "http://2130706433/" }, "EGRESS_DENIED"],
    [
      "more URLs than anybody looks at",
      { url: Array.from({ length: 50_000 }, () => "https://api.example.com/") },
      "EGRESS_DENIED",
    ],
    ["nothing", {}, "ALLOWED"],
    ["another host, deeper", { more: { link: "https://evil.test" } }, "EGRESS_DENIED"],
  ])("of a call whose arguments hold %s", (_, args, code) => {
    expect(decide(call({ urlArguments: ["url", "more.link"] }, args), egress(HOSTS)).code).toBe(code);
  });

  it("tells the host of a manifest, and never what an argument holds", () => {
    const { reasons } = decide(
      call({ reaches: ["https://evil.test/secret"], urlArguments: ["url"] }, { url: "https://s3cret.test" }),
      egress(HOSTS),
    );
    expect(reasons).toEqual([
      {
        policy: "AgentPolicy/default/guard",
        rule: "spec.egress",
        message:
          "`fetch` reaches `evil.test`, and what may be reached is a URL (https, http) of `api.example.com` or `*.inner.example`",
        path: "reaches",
        code: "EGRESS_DENIED",
      },
      {
        policy: "AgentPolicy/default/guard",
        rule: "spec.egress",
        message: "`url` of `fetch` must be a URL (https, http) of `api.example.com` or `*.inner.example`",
        path: "arguments.url",
        code: "EGRESS_DENIED",
      },
    ]);
  });

  it("goes by kinds of addresses, schemes and ports, as `url_host` does", () => {
    const inner = egress({ addresses: ["public"], schemes: ["https"], ports: [443] });
    const code = (url: string): string => decide(call({ reaches: [url] }), inner).code;
    expect(
      ["https://a.example", "http://a.example", "https://a.example:1", "https://10.1.2.3", "https://localhost"].map(
        code,
      ),
    ).toEqual(["ALLOWED", "EGRESS_DENIED", "EGRESS_DENIED", "EGRESS_DENIED", "EGRESS_DENIED"]);
  });

  it("lets processes be unless it says otherwise, and nothing out where it lists no host", () => {
    expect(decide(call({ isProcess: true }), egress(HOSTS)).code).toBe("ALLOWED");
    expect(decide(call({ isProcess: true }), egress({ ...HOSTS, processes: "deny" })).code).toBe("EGRESS_DENIED");
    expect(decide(call({ reaches: ["https://a.example"] }), egress({ allow_hosts: [] })).code).toBe("EGRESS_DENIED");
    expect(decide(call({}), egress({ allow_hosts: [], processes: "deny" })).code).toBe("ALLOWED");
  });

  it("needs every policy's word, and counts for nothing in audit mode", () => {
    const [one, other] = [
      globalPolicy({ egress: { allow_hosts: ["a.example"] } }),
      globalPolicy({ egress: { allow_hosts: ["b.example"] } }, "b"),
    ];
    expect(decide(call({ reaches: ["https://a.example"] }), setOf(one, other)).code).toBe("EGRESS_DENIED");
    const audit = decide(
      call({ reaches: ["https://a.example"] }),
      guard({ mode: "audit", egress: { allow_hosts: [] } }),
    );
    expect(audit).toMatchObject({ code: "EGRESS_DENIED", enforced: false });
  });

  it("is known before the call is, where manifests say it; otherwise it bounds the call", () => {
    const set = egress(HOSTS);
    expect(decideOpen(call({ reaches: ["https://evil.test"] }), set, "possible").effect).toBe("deny");
    const open = call({ reaches: ["https://api.example.com"], urlArguments: ["url"] });
    expect(decideOpen(open, set, "possible").effect).toBe("allow");
    expect(boundsOf(open, set).map(({ text }) => text)).toEqual([
      "`url` must be a URL (https, http) of `api.example.com` or `*.inner.example`",
    ]);
  });

  it.each([
    ["no map", { egress: ["a.example"] }],
    ["nothing", { egress: {} }],
    ["an unknown word", { egress: { hosts: ["a.example"] } }],
    ["a host with a path", { egress: { allow_hosts: ["a.example/x"] } }],
    ["a star in the middle", { egress: { allow_hosts: ["a.*.example"] } }],
    ["an unknown kind of address", { egress: { addresses: ["inner"] } }],
    ["an unknown word for processes", { egress: { allow_hosts: [], processes: "maybe" } }],
  ])("denies everything in scope where it has %s", (_, spec) => {
    expect(decide(toolRequest(), guard(spec)).code).toBe("POLICY_ERROR");
  });
});

describe("allowed_secrets", () => {
  const KEYS = { allowed_secrets: ["stripe", "other/mail-*"] };
  const using = (...secrets: readonly string[]) => call({ secrets });

  it.each([
    ["default/stripe", "ALLOWED"],
    ["default/Stripe", "ALLOWED"],
    ["other/mail-key", "ALLOWED"],
    ["other/stripe", "SECRET_NOT_GRANTED"],
    ["default/mail-key", "SECRET_NOT_GRANTED"],
  ])("of what uses %s", (secret, code) => {
    expect(decide(using(secret), guard(KEYS)).code).toBe(code);
    expect(decide(modelRequest({ uses: { secrets: [secret] } }), guard(KEYS)).code).toBe(code);
    const use = { point: "secret_use", subject: SUBJECT, secret, grantedBy: "Tool default/x" } as const;
    expect(decide(use, guard(KEYS)).code).toBe(code);
    expect(decide({ point: "task_admission", subject: SUBJECT, uses: { secrets: [secret] } }, guard(KEYS)).code).toBe(
      code,
    );
  });

  it("has to hold all of them, in every policy; an empty list holds none", () => {
    expect(decide(using("default/stripe", "default/other"), guard(KEYS)).reasons).toHaveLength(1);
    expect(
      decide(using("default/stripe"), setOf(globalPolicy(KEYS), globalPolicy({ allowed_secrets: [] }, "b"))).code,
    ).toBe("SECRET_NOT_GRANTED");
    expect(decide(using(), guard({ allowed_secrets: [] })).code).toBe("ALLOWED");
  });
});
