// Decisions of the pure gate: a few policies and 200 rules, with 8 KB of arguments; per second and at the 99th percentile.
// Cedar's WebAssembly build decides the same cases in turn with it, so that both have the same machine.
import { decide } from "../policies/decide.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../policies/policy-set.ts";
import type { GateRequest } from "../policies/request.ts";
import { type CedarCase, FEW, many as manyInCedar, openCedarCase } from "./cedar.ts";
import { median, printFigure } from "./measure.ts";

const RUNS = 5;
const BATCH = 20_000;
/** It takes longer for each. */
const CEDAR_BATCH = 1_000;

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

const request: Extract<GateRequest, { point: "before_tool" }> = {
  point: "before_tool",
  subject: { namespace: "default", system: "reports", task: "weekly", agent: "writer" },
  grants: { tools: ["search", "send-mail"], allowedTools: [], roles: [] },
  tool: { name: "search", known: true, capabilities: [], operationClasses: ["read"] },
  arguments: { text: "x".repeat(8_192) },
  usage: { tokens: 1_000 },
};

interface Decider {
  readonly name: string;
  readonly batch: number;
  readonly decide: () => unknown;
}

interface Round {
  readonly perCpuSecond: number;
  /** Of each decision, by the clock, the shortest first. */
  readonly micros: readonly number[];
}

const NOTE = "on a machine shared with tests";
const CEDAR = "Cedar 4.13, WebAssembly";

compare("decisions, 2 policies, 8 KB of arguments", few, openCedarCase("few", FEW, request));
compare("decisions, 200 rules, 8 KB of arguments", many, openCedarCase("many", manyInCedar(20, 10), request));

function compare(what: string, set: PolicySet, cedar: CedarCase): void {
  const verdicts = [decide(request, set).effect, cedar.decide()];
  if (verdicts.join() !== "allow,allow") throw new Error(`not the same case: ${verdicts.join()}`);
  const ours = { name: what, batch: BATCH, decide: () => decide(request, set) };
  const theirs = { name: `${what}: ${CEDAR}`, batch: CEDAR_BATCH, decide: () => cedar.decide() };
  const both = [ours, theirs];
  const rounds = Array.from({ length: RUNS + 1 }, () => both.map(playRound)).slice(1);
  for (const [index, { name }] of both.entries()) {
    const played = rounds.flatMap((round) => round[index] ?? []);
    const perSecond = median(played.map((round) => round.perCpuSecond));
    printFigure({ name, unit: "/s", value: perSecond, runs: RUNS, note: `by CPU time; ${NOTE}` });
    const p99 = Math.min(...played.map((round) => round.micros[Math.floor(round.micros.length * 0.99)] ?? Number.NaN));
    const note = `of the round that others disturbed least; ${NOTE}`;
    printFigure({ name: `${name}, p99 of one`, unit: "µs", value: p99, runs: RUNS, note });
  }
}

function playRound({ batch, decide: decideOnce }: Decider): Round {
  const cpuBefore = process.cpuUsage();
  const micros = Array.from({ length: batch }, () => {
    const begun = performance.now();
    decideOnce();
    return (performance.now() - begun) * 1_000;
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perCpuSecond: (batch * 1_000_000) / (user + system), micros: micros.toSorted((a, b) => a - b) };
}
