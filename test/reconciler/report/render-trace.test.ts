// What a task did, as GitHub shows it: the line, the table, the drawing, and nothing that a name could smuggle in.
import { describe, expect, it } from "vitest";
import { readGraph } from "../../../contracts/graph.ts";
import type { TaskRecord } from "../../../contracts/task.ts";
import { chainStart, type TraceDraft, verifyChain } from "../../../contracts/trace.ts";
import { summarizeTrace } from "../../../contracts/trace-summary.ts";
import { renderTaskLine, renderTaskReport, type TaskReport } from "../../../reconciler/report/render-trace.ts";
import { chainedEvents } from "../../contracts/chained.ts";

const TASK: TaskRecord = {
  name: "weekly-report",
  namespace: "default",
  system: "reporting",
  phase: "Succeeded",
  priority: "normal",
  requirements: {},
  attempts: 1,
  input: {},
  output: { last_output: "done" },
  tokens: { input: 0, output: 0 },
  costUsd: null,
  budget: { reservedTokens: 0, reservedUsd: 0, steps: 0, calls: {} },
  createdAt: "2026-11-22T14:00:00.000Z",
  startedAt: null,
  finishedAt: null,
  snapshot: `sha256:${"1".repeat(64)}`,
  plan: `sha256:${"7".repeat(64)}`,
  trace: { seq: 0, head: "" },
  activations: [],
};

function report(drafts: readonly TraceDraft[], agents: readonly string[], more: Partial<TaskRecord> = {}): TaskReport {
  const events = chainedEvents("default/weekly-report", { seq: 0, head: chainStart("default/weekly-report") }, drafts);
  return {
    task: { ...TASK, ...more },
    summary: summarizeTrace(events),
    chain: verifyChain("default/weekly-report", events),
    graph: readGraph({ agents }),
  };
}

const at = (second: number): string => new Date(Date.UTC(2026, 10, 22, 14, 0, second)).toISOString();

function answered(agent: string, second: number, more: Readonly<Record<string, unknown>> = {}): TraceDraft {
  const data = { model: "m-1", inputTokens: 15_602, outputTokens: 2_205, latencyMs: 2_200, costUsd: 0.095, ...more };
  return { type: "model.answered", at: at(second), agent, data };
}

describe("the line of a task", () => {
  it("tells phase, agents, turns, tokens, calls, denials, cost and the verified head", () => {
    const line = renderTaskLine(
      report(
        [
          { type: "task.created", at: at(0) },
          answered("planner", 3),
          { type: "tool.called", at: at(4), agent: "planner", data: { tool: "orders.lookup" } },
          { type: "tool.denied", at: at(5), agent: "writer", data: { tool: "filesystem_delete" } },
          answered("writer", 40),
          { type: "task.succeeded", at: at(41) },
        ],
        ["planner", "writer"],
      ),
    );
    expect(line).toMatch(
      /^`weekly-report` · succeeded in 41 s · 2 agents · 2 turns · 31,204 in \/ 4,410 out · 1 tool call, 1 denied · \$0\.19 · trace `sha256:\w{8}…` verified$/,
    );
  });

  it("tells what waits for a person, call or turn, and not what was answered", () => {
    const asked = (activation: string, approval: string, what: object): TraceDraft => ({
      type: "approval.requested",
      at: at(1),
      activation,
      agent: activation.slice(0, -2),
      data: { approval, ...what },
    });
    const drafts = [
      asked("planner#1", "t.0000000001", { tool: "pay" }),
      asked("writer#1", "t.0000000002", { model: "m-1" }),
      asked("reader#1", "t.0000000003", { tool: "send" }),
      { ...asked("reader#1", "t.0000000003", {}), type: "approval.decided" as const },
    ];
    const text = renderTaskReport(report(drafts, ["planner", "writer", "reader"], { phase: "WaitingApproval" }));
    expect(text.split("\n").filter((line) => line.startsWith("- "))).toEqual([
      "- `planner` waits for a person to approve a call of `pay`: `countwheel describe approval t.0000000001`",
      "- `writer` waits for a person to approve a turn of model `m-1`: `countwheel describe approval t.0000000002`",
    ]);
  });

  it("never counts an unknown price as nothing", () => {
    expect(renderTaskLine(report([answered("planner", 1, { costUsd: null })], ["planner"]))).toContain(
      "· cost unknown ·",
    );
  });

  it("says where a trace cannot be believed", () => {
    const whole = report([answered("planner", 1)], ["planner"]);
    const broken: TaskReport = { ...whole, chain: { outcome: "broken", seq: 3, reason: "altered" } };
    expect(renderTaskLine(broken)).toContain("⚠️ trace **broken** at event 3 (altered)");
  });
});

describe("the report of a task", () => {
  it("draws the graph, also of agents that were not reached", () => {
    const text = renderTaskReport(report([answered("planner", 1)], ["planner", "writer"]));
    expect(text).toContain(
      [
        "```mermaid",
        "flowchart LR",
        '  a0["planner<br/>1 turn"]',
        '  a1["writer<br/>not reached"]',
        "  a0 --> a1",
        "```",
      ].join("\n"),
    );
    expect(text).toContain("| `planner` | `m-1` | 1 | 15,602 / 2,205 |");
  });

  it("shows hostile names and messages as text", () => {
    const evil = 'x"]; click a0 "javascript:alert(1)" %% <img src=x> @admin #1 `|` </details>';
    const drafts = [
      answered(evil, 1, { model: evil }),
      { type: "tool.called", at: at(2), agent: evil, data: { tool: evil } },
    ] as const;
    const lastError = { code: "MODEL_FAILED", message: "see @admin <script>\n# heading" };
    const text = renderTaskReport(report(drafts, [evil], { lastError, phase: "Failed" }));
    const outsideCode = text.replaceAll(/```mermaid[^]*?```/g, "").replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
    expect(outsideCode).not.toMatch(/@admin|<script|<img|<\/details|\n# /);
    const drawing = /```mermaid([^]*?)```/.exec(text)?.[1] ?? "";
    expect(drawing).not.toMatch(/"\]; click|%%|javascript:/);
  });
});
