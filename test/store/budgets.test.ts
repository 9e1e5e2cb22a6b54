// Ledgers that many tasks share, on a real Redis: never overspent, never charged too little, whoever dies in between.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readBudgets } from "../../store/budgets.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { budgetKeys } from "../../store/keys.ts";
import { type ReserveAnswer, reserveBudgets, type SharedClaim } from "../../store/scripts/reserve-budgets.ts";
import { settleBudgets } from "../../store/scripts/settle-budgets.ts";
import * as fc from "../property.ts";
import { type TestRedis, testRedis } from "../redis.ts";

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await testRedis();
  redis = connectRedis(server.url, "command");
});
afterAll(async () => {
  await closeRedis(redis);
  await server.stop();
});

const DAY_MS = 86_400_000;

function tokens(amount: number, limit: number | null, more: Partial<SharedClaim> = {}): SharedClaim {
  return { account: "p|tokens||day", windowMs: DAY_MS, amount, limit, settles: true, ...more };
}

function ledger() {
  const env = `t${randomUUID().slice(0, 8)}`;
  const settle = (id: string, { reserved }: ReserveAnswer, actual: number) =>
    settleBudgets(
      redis,
      env,
      id,
      reserved.map(({ entry, amount }) => ({ entry, reserved: amount, actual })),
    );
  return {
    env,
    reserve: (id: string | null, ...claims: readonly SharedClaim[]) => reserveBudgets(redis, env, id, claims),
    settle,
    read: () => readBudgets(redis, env),
  };
}

test("fifty at once reserve no more than there is, and what is settled makes room", async () => {
  const shared = ledger();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => shared.reserve(`r${index}`, tokens(70, 1_000))),
  );
  expect(answers.filter(({ outcome }) => outcome === "reserved")).toHaveLength(14);
  expect(await shared.read()).toMatchObject([{ account: "p|tokens||day", spent: 0, reserved: 980 }]);
  const first = answers.findIndex(({ outcome }) => outcome === "reserved");
  await shared.settle(`r${first}`, answers[first] as ReserveAnswer, 20);
  expect(await shared.read()).toMatchObject([{ spent: 20, reserved: 910 }]);
  expect((await shared.reserve("next", tokens(70, 1_000))).outcome).toBe("reserved");
});

test("a look counts what is spent, not what is held, and reserves nothing", async () => {
  const shared = ledger();
  const calls = { account: "p|calls pay||", windowMs: null, amount: 1, limit: 1, settles: false };
  await shared.reserve("held", tokens(100, 100));
  const before = await shared.read();
  const free = await shared.reserve(null, tokens(100, 100), calls);
  expect(free).toEqual({ outcome: "reserved", before: { "p|tokens||day": 0, "p|calls pay||": 0 }, reserved: [] });
  expect(await shared.read()).toEqual(before);
  await shared.reserve("spent", calls);
  expect((await shared.reserve(null, calls)).outcome).toBe("refused");
});

test("all ledgers of a call are reserved, or none; what is known beforehand is spent at once", async () => {
  const shared = ledger();
  const steps = { account: "p|steps||", windowMs: null, amount: 1, limit: 1, settles: false };
  expect((await shared.reserve("a", tokens(10, 100), steps)).outcome).toBe("reserved");
  const refused = await shared.reserve("b", tokens(10, 100), steps);
  expect(refused).toEqual({
    outcome: "refused",
    before: { "p|tokens||day": 10, "p|steps||": 1 },
    reserved: [],
  });
  expect(await shared.read()).toEqual([
    { account: "p|steps||", window: null, spent: 1, reserved: 0 },
    { account: "p|tokens||day", window: expect.any(Number), spent: 0, reserved: 10 },
  ]);
});

test("without a limit it is counted all the same", async () => {
  const shared = ledger();
  expect((await shared.reserve("a", tokens(10, null))).outcome).toBe("reserved");
  expect((await shared.reserve("b", tokens(10, 5))).outcome).toBe("refused");
});

test("a settlement that is repeated takes nothing back; one that comes too late adds what went beyond", async () => {
  const shared = ledger();
  const answer = await shared.reserve("a", tokens(70, 1_000));
  await shared.settle("a", answer, 20);
  await shared.settle("a", answer, 20);
  expect(await shared.read()).toMatchObject([{ spent: 20, reserved: 0 }]);
  await shared.settle("a", answer, 90);
  expect(await shared.read()).toMatchObject([{ spent: 40, reserved: 0 }]);
});

test("a reservation whose runner is lost stays spent at its estimate, and is cleared away", async () => {
  const shared = ledger();
  await shared.reserve("lost", tokens(70, 1_000));
  const { since, reservations } = budgetKeys(shared.env);
  await redis.zadd(since, 0, "lost");
  await shared.reserve("next", tokens(5, 1_000));
  expect(await shared.read()).toMatchObject([{ spent: 70, reserved: 5 }]);
  expect(await redis.hkeys(reservations)).toEqual(["next"]);
});

test("windows that are over are forgotten, and a new one begins empty", async () => {
  const shared = ledger();
  const rate = { account: "p|steps||1 ms", windowMs: 1, amount: 1, limit: 1, settles: false };
  await shared.reserve("a", rate);
  const { until, budgets } = budgetKeys(shared.env);
  const [entry = ""] = await redis.zrange(until, "0", "-1");
  await redis.zadd(until, 0, entry);
  await shared.reserve("b", tokens(5, 100));
  expect(Object.keys(await redis.hgetall(budgets)).some((field) => field.endsWith(entry))).toBe(false);
});

test("in any interleaving: never over the limit, and never less than was used", async () => {
  const LIMIT = 100;
  const command = fc.record({
    actor: fc.nat(4),
    do: fc.constantFrom("reserve", "settle", "crash"),
    amount: fc.integer({ min: 1, max: 40 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      const shared = ledger();
      const open = new Map<number, { id: string; answer: ReserveAnswer; amount: number }>();
      let used = 0;
      for (const [index, { actor, do: what, amount, part }] of commands.entries()) {
        const held = open.get(actor);
        if (what === "reserve" && held === undefined) {
          const answer = await shared.reserve(`r${index}`, tokens(amount, LIMIT));
          if (answer.outcome === "reserved") open.set(actor, { id: `r${index}`, answer, amount });
        } else if (held !== undefined) {
          const actual = Math.floor(held.amount * part);
          used += actual;
          if (what === "settle") await shared.settle(held.id, held.answer, actual);
          open.delete(actor);
        }
        const [now] = await shared.read();
        const charged = (now?.spent ?? 0) + (now?.reserved ?? 0);
        expect(charged).toBeLessThanOrEqual(LIMIT);
        expect(charged).toBeGreaterThanOrEqual(used);
      }
    }),
    { numRuns: fc.cases(15) },
  );
});
