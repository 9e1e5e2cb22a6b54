// countwheel.yaml: defaults, units, and that nothing misspelt passes for a setting that nobody wrote.
import { describe, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { readEnvironments } from "../../../reconciler/environments/read-environments.ts";

const read = (text: string) => {
  const answer = readEnvironments("countwheel.yaml", text);
  if (answer.outcome === "invalid") throw new Error(answer.problems.map(({ summary }) => summary).join("; "));
  return Object.fromEntries(answer.environments);
};
const problemsOf = (text: string) => {
  const answer = readEnvironments("countwheel.yaml", text);
  return answer.outcome === "read" ? [] : answer.problems;
};

describe("countwheel.yaml", () => {
  it("declares nothing where it is empty, and fills in what is left out", () => {
    expect(read("")).toEqual({});
    expect(read("# nothing yet\n")).toEqual({});
    expect(read("environments:\n  staging:\n  production: {ref: main}\n")).toEqual({
      staging: defaultSettings("staging"),
      production: { ...defaultSettings("production"), ref: "main" },
    });
  });

  it("reads every setting, durations in milliseconds", () => {
    const text = `
environments:
  production:
    repo: https://git.example.test/agents.git
    ref: main
    path: agents
    overlays: [overlays/production]
    history: block
    prunes: {max_count: 3, max_percent: 12.5, allow_empty: true}
    isolate: true
    gate: person
    signatures: {mode: range, allowed_signers: .signers}
    freeze:
      - {cron: "0 17 * * 5", duration: 60h, zone: Europe/Berlin, reason: weekend}
    drift:
      interval: 1m30s
      self_heal: [AgentPolicy]
      ignore: [{kind: Agent, name: a, pointers: [/spec/limits]}]
    retention: {keep_for: 24h, keep_tasks: 500}
    github: {approvals: names, deployment: production, environment_url: "https://agents.example.test"}
    previews:
      {enabled: false, prefix: t-, max_tasks: 1, max_open: 2, max_per_day: 3, max_tokens: 4, max_cost_usd: 0.5, max_steps: 6, wait: 7s, duration: 8s}
    age_recipients: [age17qku6s0tpumfjdcqvkv9usl8snk0wed4taz37mr0kd7af6j29g3s5pc5ze]
`;
    expect(read(text)["production"]).toEqual({
      name: "production",
      repo: "https://git.example.test/agents.git",
      ref: "main",
      path: "agents",
      overlays: ["overlays/production"],
      history: "block",
      prunes: { maxCount: 3, maxPercent: 12.5, allowEmpty: true },
      isolate: true,
      gate: "person",
      signatures: { mode: "range", allowedSigners: ".signers" },
      freeze: [{ cron: "0 17 * * 5", durationMs: 216_000_000, zone: "Europe/Berlin", reason: "weekend" }],
      drift: {
        intervalMs: 90_000,
        selfHeal: ["AgentPolicy"],
        ignore: [{ kind: "Agent", name: "a", pointers: ["/spec/limits"] }],
      },
      retention: { keptMs: 86_400_000, keptFailedMs: 86_400_000, keptTasks: 500 },
      github: { approvals: "names", deployment: "production", environmentUrl: "https://agents.example.test" },
      previews: {
        enabled: false,
        prefix: "t-",
        maxTasks: 1,
        maxOpen: 2,
        maxPerDay: 3,
        maxTokens: 4,
        maxCostUsd: 0.5,
        maxSteps: 6,
        waitMs: 7_000,
        durationMs: 8_000,
      },
      ageRecipients: ["age17qku6s0tpumfjdcqvkv9usl8snk0wed4taz37mr0kd7af6j29g3s5pc5ze"],
    });
  });

  it.each([
    [
      "an unknown field",
      "environments:\n  p:\n    prunse: {}\n",
      3,
      /`prunse` is not a field/,
      /Did you mean `prunes`/,
    ],
    [
      "an unknown word",
      "environments:\n  p:\n    history: holt\n",
      3,
      /`holt` is none of allow, hold, block/,
      /`hold`/,
    ],
    ["text for a number", "environments:\n  p:\n    prunes: {max_count: few}\n", 3, /max_count/, /^/],
    ["a share beyond all", "environments:\n  p:\n    prunes: {max_percent: 101}\n", 3, /must be <= 100/, /^/],
    ["a name that is none", "environments:\n  a b: {}\n", 2, /`a b` cannot be an environment/, /letters/],
    [
      "a cron that never opens",
      "environments:\n  p:\n    freeze: [{cron: soon, duration: 1h, reason: r}]\n",
      3,
      /five fields/,
      /^/,
    ],
    [
      "what is missing",
      "environments:\n  p:\n    freeze: [{cron: 0 0 * * *, duration: 1h}]\n",
      3,
      /reason` is missing/,
      /^/,
    ],
    ["broken YAML", "environments: {\n", 2, /./, /^/],
    ["something else", "[]\n", 1, /must be a map/, /^/],
    ["a key of the prototype", "environments:\n  __proto__: {}\n", 2, /cannot be a key/, /^/],
  ])("refuses %s, with its line", (_what, text, line, summary, detail) => {
    const [first] = problemsOf(text);
    expect(first).toMatchObject({ severity: "error", file: "countwheel.yaml", line });
    expect(first?.summary).toMatch(summary);
    expect(first?.detail).toMatch(detail);
  });
});
