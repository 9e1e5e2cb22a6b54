// What holds for every request and every set of policies.

import { expect, it } from "vitest";
import { boundsOf } from "../../policies/bounds.ts";
import { combineVerdicts } from "../../policies/combine.ts";
import { decide, decideOpen } from "../../policies/decide.ts";
import { compilePolicies, type PolicySource } from "../../policies/policy-set.ts";
import { DENIAL_CODES, type GateRequest } from "../../policies/request.ts";
import { taskCeilings } from "../../policies/rules/budgets.ts";
import { tellsSubjectsApart } from "../../policies/scope.ts";
import * as fc from "../property.ts";
import { globalPolicy, modelRequest, permission, policy, role, SUBJECT, setOf, toolRequest } from "./requests.ts";

const tools = fc.constantFrom("search", "fs_delete", "mail.send", "Search");
const models = fc.constantFrom("gpt-4o", "claude", "gpt-*");
const names = fc.constantFrom("reports", "weekly", "writer", "other");
const classes = fc.constantFrom("read", "write", "delete", "admin", "*");
const few = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { maxLength: 3 });

const ruleSpecs = fc.record({
  match: fc.record({ tools: few(tools), models: few(models), operation_classes: few(classes) }, { requiredKeys: [] }),
  effect: fc.constantFrom("deny", "ask", "allow"),
});

const labels = fc.constantFrom("private", "untrusted", "Private");
const places = fc.constantFrom("outside", "inside", "out*");
const some = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(item, { minLength: 1, maxLength: 2 });

const flowRules = fc.record(
  {
    data: some(labels),
    to: fc.oneof(
      fc.record({ sends_to: some(places) }),
      fc.record({ tools: some(tools) }),
      fc.record({ operation_classes: some(classes) }),
      fc.record({ sends_to: some(places), agents: some(names) }),
    ),
    declassify: fc.constantFrom("never", "approval"),
  },
  { requiredKeys: ["data", "to"] },
);

const sequenceRules = fc
  .record({ tools: some(tools), requires_before: some(tools) })
  .chain((rule) =>
    fc.constantFrom<Readonly<Record<string, unknown>>>(rule, { tools: rule.tools, not_after: rule.requires_before }),
  );

const hosts = fc.constantFrom("api.example", "*.example", "evil.test");
const urls = fc.constantFrom(
  "https://api.example/x",
  "http://evil.test",
  "https://a.b.example",
  "http://10.0.0.1",
  "no url",
);
const egressSpecs = fc.record(
  {
    allow_hosts: few(hosts),
    addresses: some(fc.constantFrom("public", "private")),
    processes: fc.constantFrom("allow", "deny"),
  },
  { requiredKeys: ["allow_hosts"] },
);
const secrets = fc.constantFrom("default/key", "other/key");
const reach = fc.record(
  { reaches: few(fc.oneof(urls, fc.constant(null))), secrets: few(secrets), isProcess: fc.constant(true as const) },
  { requiredKeys: [] },
);

const TARGETS = ["target_systems", "target_tasks", "target_agents"];

const policySpecs = fc.record(
  {
    apply_mode: fc.constantFrom("global", "scoped"),
    target_systems: few(names),
    target_tasks: few(names),
    target_agents: few(names),
    blocked_tools: few(tools),
    allowed_models: few(models),
    max_tokens_per_run: fc.nat(3_000),
    mode: fc.constantFrom("enforce", "audit"),
    default: fc.constantFrom("allow", "deny"),
    on_violation: fc.constantFrom("stop", "refuse"),
    rules: few(ruleSpecs),
    input_labels: few(labels),
    flow: few(flowRules),
    sequence: few(sequenceRules),
    egress: egressSpecs,
    allowed_secrets: few(fc.constantFrom("key", "other/*")),
  },
  { requiredKeys: [] },
);

const permissionSpecs = fc.record(
  {
    tool_ref: tools,
    required_permissions: few(fc.constantFrom("a", "b")),
    match_mode: fc.constantFrom("all", "any"),
    operation_rules: few(
      fc.record({ operation_class: classes, verdict: fc.constantFrom("allow", "deny", "approval_required") }),
    ),
  },
  { requiredKeys: [] },
);

const sources: fc.Arbitrary<PolicySource[]> = fc
  .tuple(few(policySpecs), few(few(fc.constantFrom("a", "tool:search:invoke"))), few(permissionSpecs))
  .map(([policies, roles, permissions]) => [
    ...policies.map((spec, index) => policy(`p${index}`, spec)),
    ...roles.map((granted, index) => role(`r${index}`, granted)),
    ...permissions.map((spec, index) => permission(`t${index}`, spec)),
  ]);

const requests: fc.Arbitrary<GateRequest> = fc.oneof(
  fc
    .record({ model: models, tokens: fc.nat(3_000), reserveTokens: fc.nat(3_000), uses: reach })
    .map(({ model, tokens, reserveTokens, uses }) => modelRequest({ model, reserveTokens, uses, usage: { tokens } })),
  fc
    .record({
      tool: tools,
      listed: few(tools),
      allowedTools: few(tools),
      roles: few(fc.constantFrom("r0", "r1")),
      known: fc.boolean(),
      read: few(labels),
      sendsTo: few(places),
      succeeded: few(tools),
      begun: few(tools),
      uses: reach,
      url: fc.oneof(urls, few(urls), fc.constant(7)),
    })
    .map(({ tool, listed, allowedTools, roles, known, read, sendsTo, succeeded, begun, uses, url }) => ({
      ...toolRequest({
        tool,
        args: { url },
        grants: { tools: listed, allowedTools, roles },
        facts: { known, data: { ...uses, sendsTo, urlArguments: ["url"] } },
      }),
      carried: read.map((label) => ({ label, from: "fetch (a#1 m1.c1)" })),
      history: { succeeded, begun },
    })),
  fc.record({ read: few(labels), uses: reach }).map(
    ({ read, uses }): GateRequest => ({
      point: "task_admission",
      subject: SUBJECT,
      carried: read.map((label) => ({ label, from: "x" })),
      uses,
    }),
  ),
  secrets.map(
    (secret): GateRequest => ({ point: "secret_use", subject: SUBJECT, secret, grantedBy: "Tool default/x" }),
  ),
);

/** What a verdict lets happen: the lower, the less. */
function freedom(verdict: ReturnType<typeof decide>): number {
  if (verdict.effect === "allow" || !verdict.enforced) return 2;
  return verdict.effect === "ask" ? 1 : 0;
}

it("answers the same to the same request, whatever the order of the policies", () => {
  const shuffled = sources.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(requests, shuffled, (request, [list, other]) => {
      const verdict = decide(request, setOf(...list));
      expect(decide(request, setOf(...other))).toEqual(verdict);
      expect(decide(request, setOf(...list))).toEqual(verdict);
    }),
  );
});

it("answers the same effect and code, whatever the order of the rules in a policy", () => {
  const shuffled = fc
    .array(ruleSpecs, { maxLength: 4 })
    .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
  fc.assert(
    fc.property(requests, shuffled, (request, [rules, other]) => {
      const [one, two] = [
        decide(request, setOf(globalPolicy({ rules }))),
        decide(request, setOf(globalPolicy({ rules: other }))),
      ];
      expect([two.effect, two.code, two.reasons.length]).toEqual([one.effect, one.code, one.reasons.length]);
    }),
  );
});

it("never lets more happen because something more is denied", () => {
  const stricter = fc.oneof(
    few(tools).map((blocked_tools) => globalPolicy({ blocked_tools }, "more")),
    fc.nat(3_000).map((max_tokens_per_run) => globalPolicy({ max_tokens_per_run }, "more")),
    few(tools).map((list) =>
      globalPolicy({ rules: list.map((tool) => ({ match: { tools: [tool] }, effect: "deny" })) }, "more"),
    ),
    fc.constant(globalPolicy({ default: "deny" }, "more")),
    some(flowRules).map((flow) => globalPolicy({ flow }, "more")),
    some(sequenceRules).map((sequence) => globalPolicy({ sequence }, "more")),
    egressSpecs.map((egress) => globalPolicy({ egress }, "more")),
    few(secrets).map((allowed_secrets) => globalPolicy({ allowed_secrets }, "more")),
    fc.constant(globalPolicy({ mode: "audit", blocked_tools: ["*"] }, "more")),
    fc.anything().map((spec) => policy("more", { apply_mode: "global", rate: spec ?? 1 })),
  );
  fc.assert(
    fc.property(requests, sources, stricter, (request, list, more) => {
      const before = decide(request, setOf(...list));
      expect(freedom(decide(request, setOf(...list, more)))).toBeLessThanOrEqual(freedom(before));
    }),
  );
});

it("never lets more happen because an agent has read more, or because more was called that ends a sequence", () => {
  const grown = requests.chain((request) =>
    fc.tuple(few(labels), few(tools)).map(([read, begun]): [GateRequest, GateRequest] => {
      if (request.point !== "before_tool") return [request, request];
      const carried = [...(request.carried ?? []), ...read.map((label) => ({ label, from: "x" }))];
      const { succeeded = [], begun: before = [] } = request.history ?? {};
      return [request, { ...request, carried, history: { succeeded, begun: [...before, ...begun] } }];
    }),
  );
  fc.assert(
    fc.property(grown, sources, ([request, more], list) => {
      const set = setOf(...list);
      expect(freedom(decide(more, set))).toBeLessThanOrEqual(freedom(decide(request, set)));
    }),
  );
});

it("never lets more happen because policies of now are asked too", () => {
  fc.assert(
    fc.property(requests, sources, sources, (request, pinned, live) => {
      const verdicts = [decide(request, setOf(...pinned)), decide(request, setOf(...live))] as const;
      expect(freedom(combineVerdicts(...verdicts))).toBe(Math.min(...verdicts.map(freedom)));
    }),
  );
});

it("never lets a model call pass that could break the ceiling which the store enforces", () => {
  fc.assert(
    fc.property(sources, fc.nat(4_000), fc.nat(4_000), (list, tokens, reserveTokens) => {
      const set = setOf(...list);
      const ceiling = taskCeilings(SUBJECT, [set], null).tokens;
      const verdict = decide(modelRequest({ reserveTokens, usage: { tokens } }), set);
      if (freedom(verdict) > 0) expect(tokens + reserveTokens).toBeLessThanOrEqual(ceiling ?? Infinity);
    }),
  );
});

it("answers with a known code to any specs and any request, and never throws", () => {
  const garbage = fc.anything({ withNullPrototype: true, withSparseArray: true });
  const fields = fc.dictionary(
    fc.constantFrom(
      "apply_mode",
      "target_systems",
      "blocked_tools",
      "allowed_models",
      "rules",
      "max_calls",
      "input_labels",
      "flow",
      "sequence",
      "egress",
      "allowed_secrets",
      "permissions",
      "operation_rules",
      "tool_ref",
      "__proto__",
    ),
    garbage,
  );
  const specs = fc.oneof(garbage, fields);
  const kinds = fc.constantFrom("AgentPolicy", "AgentRole", "ToolPermission") satisfies fc.Arbitrary<
    PolicySource["kind"]
  >;
  const anySources = few(
    fc.record({ address: fc.string(), kind: kinds, namespace: fc.string(), name: fc.string(), spec: specs }),
  );
  const anyRequests = fc.oneof(requests, garbage as fc.Arbitrary<GateRequest>, requests.chain(damaged));
  fc.assert(
    fc.property(anyRequests, anySources, (request, list) => {
      const verdict = decide(request, compilePolicies(list, ""));
      expect(["ALLOWED", ...DENIAL_CODES]).toContain(verdict.code);
    }),
    { numRuns: fc.cases(200) },
  );
});

it("answers about a model the same to every subject, in the same words, where no policy tells subjects apart", () => {
  const global = fc
    .tuple(policySpecs, few(ruleSpecs.chain((rule) => fc.constantFrom(rule, named(rule)))), fc.subarray(TARGETS))
    .map(([spec, rules, targets]) => {
      const untargeted = Object.entries(spec).filter(([field]) => !TARGETS.includes(field) || targets.includes(field));
      return { ...Object.fromEntries(untargeted), apply_mode: "global", rules };
    });
  const subjects = fc.record({
    namespace: fc.constantFrom("default", "other"),
    system: names,
    task: names,
    agent: names,
  });
  fc.assert(
    fc.property(few(global), models, reach, subjects, subjects, (specs, model, uses, one, other) => {
      const set = setOf(...specs.map((spec, index) => policy(`p${index}`, spec)));
      if (tellsSubjectsApart(set)) return;
      const [first, second] = [one, other].map((subject) => {
        const request = modelRequest({ model, uses, subject });
        return [decideOpen(request, set, "possible"), boundsOf(request, set)];
      });
      expect(second).toEqual(first);
    }),
  );
});

function named(rule: { readonly match: object; readonly effect: string }) {
  return { ...rule, match: { ...rule.match, agents: ["writer"] } };
}

/** A request of which one field holds anything. */
function damaged(request: GateRequest): fc.Arbitrary<GateRequest> {
  return fc
    .tuple(fc.constantFrom(...Object.keys(request)), fc.anything())
    .map(([field, value]) => ({ ...request, [field]: value }));
}

it("denies whatever is no request", () => {
  for (const request of [
    undefined,
    null,
    1,
    "x",
    [],
    {},
    { point: "before_tool" },
    { ...toolRequest(), arguments: [] },
  ]) {
    expect(decide(request as unknown as GateRequest, setOf()).code).toBe("POLICY_ERROR");
  }
});
