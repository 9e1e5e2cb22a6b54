// Decisions of the pure gate: a few policies and 200 rules, small and large arguments; per second and at the 99th percentile.
import { decide } from "../policies/decide.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../policies/policy-set.ts";
import type { GateRequest } from "../policies/request.ts";
import { median, printFigure } from "./measure.ts";

const RUNS = 5;
const BATCH = 20_000;

function policy(name: string, spec: unknown): PolicySource {
  return { address: `AgentPolicy/default/${name}`, kind: "AgentPolicy", namespace: "default", name, spec };
}

/** What an environment of a few teams has. */
const few = compilePolicies(
  [
    policy("cost", { target_systems: ["reports"], max_tokens_per_run: 50_000, allowed_models: ["gpt-4o"] }),
    policy("guard", { apply_mode: "global", blocked_tools: ["filesystem_delete", "shell_exec"] }),
    {
      address: "AgentRole/default/reader",
      kind: "AgentRole",
      namespace: "default",
      name: "reader",
      spec: { permissions: ["tool:search:invoke"] },
    },
  ],
  "sha256:bench",
);

const many = compilePolicies(
  Array.from({ length: 20 }, (_, index) =>
    policy(`p${index}`, {
      apply_mode: "global",
      rules: Array.from({ length: 10 }, (__, rule) => ({
        match: { tools: [`server-${index}--tool-${rule}*`] },
        effect: "deny",
      })),
    }),
  ),
  "sha256:bench",
);

const request: GateRequest = {
  point: "before_tool",
  subject: { namespace: "default", system: "reports", task: "weekly", agent: "writer" },
  grants: { tools: ["search", "send-mail"], allowedTools: [], roles: [] },
  tool: { name: "search", known: true, capabilities: [], operationClasses: ["read"] },
  arguments: { text: "x".repeat(8_192) },
  usage: { tokens: 1_000 },
};

function decisionsPerSecond(set: PolicySet): number {
  const rates = Array.from({ length: RUNS + 1 }, () => {
    const begun = performance.now();
    for (let made = 0; made < BATCH; made += 1) decide(request, set);
    return (BATCH / (performance.now() - begun)) * 1_000;
  });
  return median(rates.slice(1));
}

function microsAtPercentile99(set: PolicySet): number {
  const times = Array.from({ length: BATCH }, () => {
    const begun = performance.now();
    decide(request, set);
    return (performance.now() - begun) * 1_000;
  });
  return times.toSorted((a, b) => a - b)[Math.floor(BATCH * 0.99)] ?? Number.NaN;
}

printFigure({ name: "decisions, 2 policies", unit: "/s", value: decisionsPerSecond(few), runs: RUNS });
printFigure({
  name: "decisions, 200 rules, 8 KB of arguments",
  unit: "/s",
  value: decisionsPerSecond(many),
  runs: RUNS,
});
printFigure({
  name: "one decision, 200 rules, 8 KB of arguments, p99",
  unit: "µs",
  value: microsAtPercentile99(many),
  runs: 1,
});
