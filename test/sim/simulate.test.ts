import { afterAll, beforeAll, expect, it } from "vitest";
import { LuaScripts } from "./lua-scripts.ts";
import { playSeed, type Told } from "./play-seeds.ts";
import { Stage } from "./simulate.ts";

/** `npm run sim` plays a thousand. */
const SEEDS = 40;
/** On a machine that has a lot to do. */
const TIMEOUT_MS = 90_000;
let stage: Stage;

beforeAll(() => {
  stage = new Stage();
});
afterAll(() => stage.close());

it(
  `holds every invariant over ${SEEDS} seeds, with tasks that succeed and runners that are lost`,
  async () => {
    const told: Told[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) told.push(await playSeed(stage, seed));
    expect(told.filter(({ breaches }) => breaches.length > 0)).toEqual([]);
    const sum = (of: (one: Told) => number): number => told.reduce((total, one) => total + of(one), 0);
    expect(sum(({ succeeded }) => succeeded)).toBeGreaterThan(sum(({ tasks }) => tasks) / 2);
    expect(sum(({ takeovers }) => takeovers)).toBeGreaterThan(SEEDS / 4);
    expect(sum(({ progress }) => progress)).toBeGreaterThan(SEEDS / 4);
  },
  TIMEOUT_MS,
);

it("plays a seed the same way every time", async () => {
  const [first, again] = [await stage.play("7", true), await stage.play("7", true)];
  expect(first.log.length).toBeGreaterThan(20);
  expect(again.log).toEqual(first.log);
});

interface Spoiling {
  readonly what: string;
  /** Text of a script, and what is put into its place. */
  readonly changes: readonly (readonly [from: string, to: string])[];
}

const SPOILINGS: readonly Spoiling[] = [
  {
    what: "a grant that raises no epoch",
    changes: [
      [
        "redis.call('HINCRBY', activations, id .. '/epoch', 1)",
        "tonumber(redis.call('HGET', activations, id .. '/epoch'))",
      ],
    ],
  },
  {
    what: "a repeated command that is taken for a new one",
    changes: [["return #found == 1 and found[1][2][2] == ARGV[at + 3]", "return false"]],
  },
  {
    what: "steps that are not kept",
    changes: [["redis.call('HSET', steps, unpack(ARGV, at + 7, first_charge - 1))", ""]],
  },
  { what: "tokens that are not charged", changes: [["output + ARGV[from + 4]", "output"]] },
  { what: "a shared ledger that is never full", changes: [["then is_over = true end", "then end"]] },
  { what: "a question that answers itself", changes: [["'/phase', 'Pending'", "'/phase', 'Approved'"]] },
  {
    what: "a lost lease and a chain that moved, and nobody compares them",
    changes: [
      ["lease[2] == holder and lease[3] == epoch and tonumber(lease[4]) > now", "true"],
      ["return seq == ARGV[at] and head == ARGV[at + 1]", "return true"],
    ],
  },
];

it.each(SPOILINGS)(
  "notices $what",
  async ({ changes }) => {
    const applied = new Set<string>();
    const spoil = (lua: string): string =>
      changes.reduce((text, [from, to]) => {
        if (text.includes(from)) applied.add(from);
        return text.replace(from, to);
      }, lua);
    const spoiled = new Stage(new LuaScripts(spoil));
    try {
      expect(await firstNoticed(spoiled)).toBeLessThanOrEqual(SEEDS);
      expect([...applied].toSorted()).toEqual(changes.map(([from]) => from).toSorted());
    } finally {
      spoiled.close();
    }
  },
  TIMEOUT_MS,
);

/** The first seed with a breach, or that could not be played to its end. */
async function firstNoticed(spoiled: Stage): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const breaches = await playSeed(spoiled, seed).then(
      (told) => told.breaches,
      (error: unknown) => [String(error)],
    );
    if (breaches.length > 0) return seed;
  }
  return Number.POSITIVE_INFINITY;
}
