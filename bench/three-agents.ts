// The work that benchmarks share: three agents in a line, each with two model turns and one call of a tool that answers
// at once, a read of an empty memory.
import type { Manifest } from "../contracts/manifest.ts";
import { agent, manifest, system } from "../test/runner/world.ts";

export const AGENTS = ["a", "b", "c"];
/** Two model turns and a tool call of each agent. */
export const STEPS = 3 * AGENTS.length;

/** What a mock model says to it. */
export const SCRIPT = JSON.stringify([
  { turn: 1, say: "I look it up.", call: [{ tool: "memory.read", arguments: { key: "topic" } }] },
  { turn: 2, say: "It is done." },
]);

/** The system is called `line`. */
export function lineOf(model: Readonly<Record<string, unknown>>): Manifest[] {
  return [
    ...AGENTS.map((name) => agent(name, { model_ref: "model", memory: { ref: "notes", allow: ["read"] } })),
    manifest("Memory", "notes", { provider: "in-memory" }),
    system("line", AGENTS),
    manifest("ModelEndpoint", "model", model),
  ];
}

export const MOCK = { provider: "mock", default_model: "mock-1", options: { script: SCRIPT } };
