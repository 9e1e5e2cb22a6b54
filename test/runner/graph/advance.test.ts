import { describe, expect, it } from "vitest";
import { readGraph } from "../../../contracts/graph.ts";
import { advance } from "../../../runner/graph/advance.ts";
import { play, startState } from "./play.ts";

describe("a graph advances", () => {
  it("runs agents without a graph in list order and hands each the output of the one before", () => {
    const { started, starts, last } = play(readGraph({ agents: ["a", "b", "c"] }));
    expect(started).toEqual(["a", "b", "c"]);
    expect(starts[2]?.messages).toEqual([{ id: "default/t/a001/h001/b/c", from: "b", text: "b 1" }]);
    expect(last.ended).toEqual({
      phase: "Succeeded",
      output: { a: "a 1", b: "b 1", c: "c 1", last_output: "c 1" },
    });
  });

  it("starts a join once, when the last branch has come, with all that came", () => {
    const graph = readGraph({
      agents: ["plan", "left", "right", "merge"],
      graph: { plan: { edges: [{ to: "left" }, { to: "right" }] }, left: { next: "merge" }, right: { next: "merge" } },
    });
    const { started, starts, last } = play(graph);
    expect(started).toEqual(["plan", "left", "right", "merge"]);
    expect(starts[3]?.messages.map(({ from }) => from)).toEqual(["left", "right"]);
    expect(last.ended?.output["last_output"]).toBe("merge 1");
  });

  it("runs agents that are named like JavaScript's own properties", () => {
    const agents = ["a", "valueOf", "toString", "constructor"];
    const forks = { a: { edges: [{ to: "valueOf" }, { to: "toString" }] } };
    const graph = { ...forks, valueOf: { next: "constructor" }, toString: { next: "constructor" } };
    const { started, last } = play(readGraph({ agents, graph }));
    expect(started).toEqual(agents);
    expect(last.ended?.output["constructor"]).toBe("constructor 1");
    expect(play(readGraph({ agents })).started).toEqual(agents);
  });

  it("tells of a join that waits and of its opening", () => {
    const graph = readGraph({ agents: ["a", "b", "c"], graph: { a: { next: "c" }, b: { next: "c" } } });
    const rules = { task: "default/t", maxTurns: null, at: "2026-01-01T00:00:00Z" };
    const first = advance(graph, startState(graph), { agent: "a", visit: 1, status: "done", output: "x" }, rules);
    const second = advance(graph, first.state, { agent: "b", visit: 1, status: "done", output: "y" }, rules);
    expect([...first.events, ...second.events]).toEqual([
      { type: "join.waiting", at: rules.at, agent: "c", data: { from: "a", missing: ["b"] } },
      { type: "join.opened", at: rules.at, agent: "c", activation: "c#1", data: { arrived: ["a", "b"], missing: [] } },
    ]);
  });

  it("does not wait for an edge whose condition did not hold", () => {
    const graph = readGraph({
      agents: ["triage", "fix", "doc", "report"],
      graph: {
        triage: {
          edges: [
            { to: "fix", condition: { output_contains: "BUG" } },
            { to: "doc", condition: { default: true } },
          ],
        },
        fix: { next: "report" },
        doc: { next: "report" },
      },
    });
    const bug = play(graph, { act: (agent) => ({ output: agent === "triage" ? "BUG" : agent }) });
    expect(bug.started).toEqual(["triage", "fix", "report"]);
    expect(play(graph).started).toEqual(["triage", "doc", "report"]);
  });

  it("finishes a swarm loop: scouts report back to a coordinator that waits for both in every round", () => {
    const graph = readGraph({
      agents: ["coordinator", "scout-a", "scout-b", "synthesizer"],
      graph: {
        coordinator: { edges: [{ to: "scout-a" }, { to: "scout-b" }, { to: "synthesizer" }] },
        "scout-a": { next: "coordinator" },
        "scout-b": { next: "coordinator" },
      },
    });
    const { started, last } = play(graph, { maxTurns: 3 });
    const count = (agent: string): number => started.filter((name) => name === agent).length;
    expect([count("coordinator"), count("scout-a"), count("scout-b"), count("synthesizer")]).toEqual([3, 3, 3, 3]);
    expect(last.ended?.phase).toBe("Succeeded");
  });

  it("leaves a loop by its condition before the bound", () => {
    const graph = readGraph({
      agents: ["write", "review", "publish"],
      graph: {
        write: { next: "review" },
        review: {
          edges: [
            { to: "publish", condition: { output_json_path: "$.verdict", equals: "approved" } },
            { to: "write", condition: { default: true } },
          ],
        },
      },
    });
    const said = { output: '{"verdict":"approved"}' };
    const { started } = play(graph, {
      act: (agent, visit) => (agent === "review" && visit === 2 ? said : { output: "{}" }),
    });
    expect(started).toEqual(["write", "review", "write", "review", "publish"]);
  });

  it("opens a quorum early, drops the late branch and still takes it in the next round", () => {
    const graph = readGraph({
      agents: ["ask", "x", "y", "z", "vote"],
      graph: {
        ask: { edges: [{ to: "x" }, { to: "y" }, { to: "z" }] },
        x: { next: "vote" },
        y: { next: "vote" },
        z: { next: "vote" },
        vote: { next: "ask", join: { mode: "quorum", quorum_count: 2 } },
      },
    });
    const { started, starts } = play(graph, { maxTurns: 2 });
    expect(started.filter((agent) => agent === "vote")).toHaveLength(2);
    const votes = starts.filter(({ agent }) => agent === "vote");
    expect(votes.map(({ messages }) => messages.length)).toEqual([2, 2]);
  });

  it.each([
    ["skip", ["a", "b", "join"], "Succeeded", 1],
    ["continue_partial", ["a", "b", "join"], "Succeeded", 1],
    ["deadletter", ["a", "b"], "Failed", 0],
  ] as const)("honours on_failure %s of the join behind a failed branch", (onFailure, started, phase, messages) => {
    const graph = readGraph({
      agents: ["a", "b", "join"],
      graph: { a: { next: "join" }, b: { next: "join" }, join: { join: { on_failure: onFailure } } },
    });
    const played = play(graph, { act: (agent) => ({ output: agent, failed: agent === "a" }) });
    expect(played.last.ended?.phase).toBe(phase);
    expect(played.started).toEqual(started);
    expect(played.starts[2]?.messages.length ?? 0).toBe(messages);
  });

  it("fails a task whose every branch failed before a join that would have gone on with some", () => {
    const graph = readGraph({
      agents: ["a", "b", "join"],
      graph: { a: { next: "join" }, b: { next: "join" }, join: { join: { on_failure: "continue_partial" } } },
    });
    expect(play(graph, { act: () => ({ output: "", failed: true }) }).last.ended?.phase).toBe("Failed");
  });
});
