// Ledgers that many tasks share, on a real Redis: never overspent, never charged too little, whoever dies in between; and
// written with the record of the call, or not at all.
import { beforeEach, expect, test } from "vitest";
import { readBudgets } from "../../store/budgets.ts";
import type { Redis } from "../../store/connect.ts";
import { budgetKeys } from "../../store/keys.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { type AppendRequest, appendEvents } from "../../store/scripts/append.ts";
import { lookAtBudgets } from "../../store/scripts/look-at-budgets.ts";
import type { SharedChange, SharedClaim } from "../../store/scripts/shared-ledgers.ts";
import { readTrace } from "../../store/tasks.ts";
import * as fc from "../property.ts";
import { describeWithRedis } from "../redis.ts";
import { useQueue } from "./use-queue.ts";
import { claimedTask, eventsAfter, newEnv } from "./world.ts";

const DAY_MS = 86_400_000;
const ACCOUNT = "p|tokens||day";

function tokens(amount: number, limit: number | null, more: Partial<SharedClaim> = {}): SharedClaim {
  return { account: ACCOUNT, windowMs: DAY_MS, amount, limit, watched: null, settles: "tokens", ...more };
}

const STEP: SharedClaim = {
  account: "p|steps||",
  windowMs: null,
  amount: 1,
  limit: 1,
  watched: null,
  settles: null,
};

describeWithRedis("ledgers that tasks share", () => {
  let redis: Redis;
  let queue: ActivationQueue;
  let tasks = 0;
  useQueue((...given) => {
    [redis, queue] = given;
  });
  beforeEach(() => {
    tasks = 0;
  });

  /** A task under a lease, which writes what it takes and uses with its own records. */
  async function spender() {
    tasks += 1;
    const { grant, claim } = await claimedTask(redis, queue, { name: `t${tasks}` });
    let after = claim.head;
    const append = async (shared: SharedChange) => {
      const type = shared.kind === "reserve" ? "model.called" : "model.answered";
      const request: AppendRequest = { ...grant, after, events: eventsAfter(grant.task, after, [type]), shared };
      const answer = await appendEvents(redis, request);
      if (answer.outcome === "appended") after = answer.head;
      return { answer, request };
    };
    const reserve = async (id: string, claims: readonly SharedClaim[], anyway = false) =>
      (await append({ kind: "reserve", id, claims, anyway })).answer;
    const settle = (id: string, used: number | null) =>
      append({ kind: "settle", id, used: { tokens: used, micro_usd: null } });
    return { grant, reserve, settle, append };
  }

  const read = () => readBudgets(redis, queue.env);

  test("fifty at once reserve no more than there is, and what is settled makes room", async () => {
    const spenders = await Promise.all(Array.from({ length: 50 }, () => spender()));
    const answers = await Promise.all(spenders.map(({ reserve }, index) => reserve(`r${index}`, [tokens(70, 1_000)])));
    expect(answers.filter(({ outcome }) => outcome === "appended")).toHaveLength(14);
    expect(await read()).toMatchObject([{ account: ACCOUNT, spent: 0, reserved: 980 }]);
    const first = answers.findIndex(({ outcome }) => outcome === "appended");
    const last = answers.findIndex(({ outcome }) => outcome === "over-shared");
    expect(await spenders[last]?.reserve("early", [tokens(70, 1_000)])).toMatchObject({ spent: { [ACCOUNT]: 980 } });
    await spenders[first]?.settle(`r${first}`, 20);
    expect(await read()).toMatchObject([{ spent: 20, reserved: 910 }]);
    expect((await spenders[last]?.reserve("next", [tokens(70, 1_000)]))?.outcome).toBe("appended");
  });

  test("a call that has no room is not written, and one that is not written takes nothing", async () => {
    const { grant, reserve } = await spender();
    expect(await reserve("a", [tokens(11, 10)])).toMatchObject({ outcome: "over-shared", spent: { [ACCOUNT]: 0 } });
    expect(await readTrace(redis, grant.task)).toHaveLength(1);
    const late = { ...grant, epoch: grant.epoch + 1, after: { seq: 1, head: "" }, events: [] };
    const shared = { kind: "reserve", id: "b", claims: [tokens(1, 10)], anyway: false } as const;
    expect((await appendEvents(redis, { ...late, shared })).outcome).toBe("lease-lost");
    expect((await appendEvents(redis, { ...grant, ...late, epoch: grant.epoch, shared })).outcome).toBe("moved");
    expect(await read()).toEqual([]);
  });

  test("a record that is sent twice, because its answer was lost, is charged once", async () => {
    const { append } = await spender();
    const claims = [tokens(70, 1_000), STEP];
    const { answer, request } = await append({ kind: "reserve", id: "a", claims, anyway: false });
    expect(await appendEvents(redis, request)).toEqual(answer);
    expect(await read()).toMatchObject([{ spent: 1 }, { spent: 0, reserved: 70 }]);
    const settled = await append({ kind: "settle", id: "a", used: { tokens: 20, micro_usd: null } });
    expect(await appendEvents(redis, settled.request)).toEqual(settled.answer);
    expect(await read()).toMatchObject([{ spent: 1 }, { spent: 20, reserved: 0 }]);
  });

  test("a look tells what is spent, not what is held, and reserves nothing", async () => {
    const { reserve, settle } = await spender();
    const claims = [tokens(100, 100), STEP];
    const look = () => lookAtBudgets(redis, queue.env, claims);
    expect(await look()).toEqual({ [ACCOUNT]: 0, [STEP.account]: 0 });
    await reserve("held", claims);
    const before = await read();
    expect(await look()).toEqual({ [ACCOUNT]: 0, [STEP.account]: 1 });
    expect(await read()).toEqual(before);
    await settle("held", null);
    expect(await look()).toEqual({ [ACCOUNT]: 100, [STEP.account]: 1 });
  });

  test("all ledgers of a call are reserved, or none; what is known beforehand is spent at once", async () => {
    const { reserve } = await spender();
    expect((await reserve("a", [tokens(10, 100), STEP])).outcome).toBe("appended");
    expect(await reserve("b", [tokens(10, 100), STEP])).toMatchObject({
      outcome: "over-shared",
      spent: { [ACCOUNT]: 10, [STEP.account]: 1 },
    });
    expect(await read()).toEqual([
      { account: STEP.account, window: null, spent: 1, reserved: 0 },
      { account: ACCOUNT, window: expect.any(Number), spent: 0, reserved: 10 },
    ]);
  });

  test("what is only watched holds nobody back who knows of it", async () => {
    const { reserve } = await spender();
    const watched = tokens(10, null, { watched: 15 });
    expect((await reserve("a", [watched])).outcome).toBe("appended");
    expect(await reserve("b", [watched])).toMatchObject({ outcome: "over-shared", spent: { [ACCOUNT]: 10 } });
    expect((await reserve("b", [watched], true)).outcome).toBe("appended");
    expect((await reserve("c", [tokens(10, 25, { watched: 15 })], true)).outcome).toBe("over-shared");
    expect(await read()).toMatchObject([{ reserved: 20 }]);
  });

  test("what a settlement says counts once, and the estimate stands where it says nothing", async () => {
    const { reserve, settle } = await spender();
    const money = { account: "p|micro_usd||", windowMs: null, amount: 9, limit: 99, settles: "micro_usd" } as const;
    await reserve("a", [tokens(70, 1_000), { ...money, watched: null }]);
    await settle("a", 20);
    await settle("a", 90);
    expect(await read()).toMatchObject([
      { account: money.account, spent: 9, reserved: 0 },
      { account: ACCOUNT, spent: 20, reserved: 0 },
    ]);
  });

  test("a reservation whose runner is lost stays spent at its estimate, and is cleared away", async () => {
    const { reserve } = await spender();
    await reserve("lost", [tokens(70, 1_000)]);
    const { since, reservations } = budgetKeys(queue.env);
    await redis.zadd(since, 0, "lost");
    await reserve("next", [tokens(5, 1_000)]);
    expect(await read()).toMatchObject([{ spent: 70, reserved: 5 }]);
    expect(await redis.hkeys(reservations)).toEqual(["next"]);
  });

  test("windows that are over are forgotten, and a new one begins empty", async () => {
    const { reserve } = await spender();
    await reserve("a", [{ ...STEP, account: "p|steps||1 ms", windowMs: 1 }]);
    const { until, budgets } = budgetKeys(queue.env);
    const [entry = ""] = await redis.zrange(until, "0", "-1");
    await redis.zadd(until, 0, entry);
    await reserve("b", [tokens(5, 100)]);
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
    const spenders = await Promise.all(Array.from({ length: 5 }, () => spender()));
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
        const account = `p|tokens|${newEnv()}|day`;
        const open = new Map<number, { id: string; amount: number }>();
        let used = 0;
        for (const [index, { actor, do: what, amount, part }] of commands.entries()) {
          const held = open.get(actor);
          const by = spenders[actor];
          if (what === "reserve" && held === undefined) {
            const id = `${account} ${index}`;
            const answer = await by?.reserve(id, [tokens(amount, LIMIT, { account })]);
            if (answer?.outcome === "appended") open.set(actor, { id, amount });
          } else if (held !== undefined) {
            const actual = Math.floor(held.amount * part);
            used += actual;
            if (what === "settle") await by?.settle(held.id, actual);
            open.delete(actor);
          }
          const now = (await read()).find((budget) => budget.account === account);
          const charged = (now?.spent ?? 0) + (now?.reserved ?? 0);
          expect(charged).toBeLessThanOrEqual(LIMIT);
          expect(charged).toBeGreaterThanOrEqual(used);
        }
      }),
      { numRuns: fc.cases(15) },
    );
  });
});
