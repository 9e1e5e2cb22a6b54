import { describe, expect, it } from "vitest";
import { readGraph, restartGraph } from "../../../contracts/graph.ts";
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

  it.each([
    [{ quorum_percent: 1 }, 1],
    [{ quorum_percent: 50 }, 2],
    [{ quorum_percent: 51 }, 3],
    [{ quorum_percent: 100 }, 4],
    [{ quorum_count: 3 }, 3],
    [{ quorum_count: 9 }, 4],
    [{}, 4],
  ])("opens a quorum of four branches with %j after %d of them, and once only", (quorum, arrived) => {
    const branches = ["p", "q", "r", "s"];
    const graph = readGraph({
      agents: [...branches, "vote"],
      graph: {
        ...Object.fromEntries(branches.map((name) => [name, { next: "vote" }])),
        vote: { join: { mode: "quorum", ...quorum } },
      },
    });
    // The last of the open activations ends last: the vote is never chosen before the branches.
    const { starts, events, last } = play(graph);
    const votes = starts.filter(({ agent }) => agent === "vote");
    expect(votes.map(({ messages }) => messages.length)).toEqual([arrived]);
    expect(last.ended?.phase).toBe("Succeeded");
    const late = events.filter(({ data }) => data?.["dropped"] === "late").map(({ data }) => data?.["from"]);
    expect(late).toEqual(branches.slice(arrived));
  });

  it("counts a branch whose condition did not hold as none of a quorum's", () => {
    const graph = readGraph({
      agents: ["plan", "p", "q", "vote"],
      graph: {
        plan: { edges: [{ to: "p" }, { to: "q", condition: { output_contains: "both" } }] },
        p: { next: "vote" },
        q: { next: "vote" },
        vote: { join: { mode: "quorum", quorum_percent: 100 } },
      },
    });
    expect(play(graph).started).toEqual(["plan", "p", "vote"]);
  });

  it("begins with every agent that nothing leads to, and with the first of a pure cycle", () => {
    const two = readGraph({ agents: ["a", "b", "c"], graph: { a: { next: "c" }, b: { next: "c" } } });
    expect(play(two).started).toEqual(["a", "b", "c"]);
    const ring = readGraph({ agents: ["a", "b"], graph: { a: { next: "b" }, b: { next: "a" } } });
    expect(play(ring, { maxTurns: 2 }).started).toEqual(["a", "b", "a", "b"]);
  });

  it("bounds one agent by max_turns over all branches that wake it", () => {
    const graph = readGraph({
      agents: ["lead", "left", "right"],
      graph: {
        lead: { edges: [{ to: "left" }, { to: "right" }], join: { mode: "quorum", quorum_count: 1 } },
        left: { next: "lead" },
        right: { next: "lead" },
      },
    });
    for (const choose of [() => 0, (open: number) => open - 1]) {
      const { started, last } = play(graph, { maxTurns: 3, choose });
      for (const name of ["lead", "left", "right"]) {
        expect(started.filter((agent) => agent === name).length).toBeLessThanOrEqual(3);
      }
      expect(last.ended?.phase).toBe("Succeeded");
    }
  });

  it("keeps a task that failed as it was before its last agent, so that this agent can be tried again", () => {
    const graph = readGraph({ agents: ["a", "b"] });
    const failed = play(graph, { act: (agent) => ({ output: agent, failed: agent === "b" }) });
    expect(failed.last.state).toMatchObject({ open: 1, visits: { a: 1, b: 1 }, ended: { a: 1 }, outputs: { a: "a" } });
  });

  it("begins anew with other visits, and with all of its turns", () => {
    const graph = readGraph({ agents: ["a", "b"], graph: { a: { next: "b" }, b: { next: "a" } } });
    const spent = play(graph, { maxTurns: 2 }).last.state;
    const { state, entries } = restartGraph(graph, spent);
    expect(entries).toEqual([{ agent: "a", visit: 3 }]);
    const again = play(graph, { maxTurns: 2, from: state });
    expect(again.starts.map(({ id }) => id)).toEqual(["a#3", "b#3", "a#4", "b#4"]);
  });
});
