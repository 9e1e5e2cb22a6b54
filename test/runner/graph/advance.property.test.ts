import { expect, it } from "vitest";
import type { Edge, Graph } from "../../../contracts/graph.ts";
import * as fc from "../../property.ts";
import { play } from "./play.ts";

const names = ["a", "b", "c", "d", "e", "f", "g"];
const edgeArb = (forwardOnly: boolean): fc.Arbitrary<Edge> =>
  fc
    .record({ from: fc.nat(6), to: fc.nat(6), condition: fc.constantFrom(undefined, "yes", "default") })
    .filter(({ from, to }) => (forwardOnly ? from < to : true))
    .map(({ from, to, condition }) => ({
      from: names[from] ?? "a",
      to: names[to] ?? "a",
      ...(condition === "yes" ? { condition: { output_contains: "yes" } } : {}),
      ...(condition === "default" ? { condition: { default: true } } : {}),
    }));

const joinArb = fc.dictionary(
  fc.constantFrom(...names),
  fc.record({
    mode: fc.constantFrom("wait_for_all" as const, "quorum" as const),
    quorumCount: fc.integer({ min: 1, max: 4 }),
    onFailure: fc.constantFrom("deadletter" as const, "skip" as const, "continue_partial" as const),
  }),
);

const graphArb = (forwardOnly: boolean): fc.Arbitrary<Graph> =>
  fc.record({
    agents: fc.constant(names),
    edges: fc.uniqueArray(edgeArb(forwardOnly), { selector: ({ from, to }) => `${from}>${to}`, maxLength: 14 }),
    joins: joinArb,
  });

/** Numbers that decide which activation ends next and what it says. */
const diceArb = fc.infiniteStream(fc.nat(1_000));

function rolled(dice: Iterator<number>, failures: boolean) {
  const roll = (): number => Number(dice.next().value);
  return {
    choose: (open: number) => roll() % Math.max(1, open),
    act: () => ({ output: roll() % 2 === 0 ? "yes" : "no", failed: failures && roll() % 8 === 0 }),
  };
}

it("ends every task, whatever the graph, the order, the answers and the failures", () => {
  fc.assert(
    fc.property(graphArb(false), diceArb, fc.integer({ min: 1, max: 4 }), (graph, dice, maxTurns) => {
      const { started, last } = play(graph, { maxTurns, ...rolled(dice, true) });
      for (const agent of names) expect(started.filter((name) => name === agent).length).toBeLessThanOrEqual(maxTurns);
      if (last.ended?.phase === "Succeeded") expect([last.state.open, last.state.joins]).toEqual([0, {}]);
    }),
    { numRuns: fc.cases(100) },
  );
});

it("activates no agent of a graph without cycles twice, in any order", () => {
  fc.assert(
    fc.property(graphArb(true), diceArb, (graph, dice) => {
      const { started } = play(graph, rolled(dice, false));
      expect(new Set(started).size).toBe(started.length);
    }),
    { numRuns: fc.cases(100) },
  );
});

it("activates every agent of a graph without cycles, conditions and quorums exactly once", () => {
  fc.assert(
    fc.property(graphArb(true), diceArb, (graph, dice) => {
      const plain = { ...graph, joins: {}, edges: graph.edges.map(({ from, to }) => ({ from, to })) };
      const { started, starts } = play(plain, rolled(dice, false));
      expect([...started].toSorted()).toEqual(names);
      for (const { agent, messages } of starts) {
        const before = plain.edges.filter(({ to }) => to === agent).map(({ from }) => from);
        expect(messages.map(({ from }) => from).toSorted()).toEqual([...new Set(before)].toSorted());
      }
    }),
    { numRuns: fc.cases(100) },
  );
});
