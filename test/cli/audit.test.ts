// `audit verify` over traces in a real Redis that somebody with access to it has changed.
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { runAuditVerify } from "../../cli/commands/audit.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { taskKeys } from "../../store/keys.ts";
import { type TestRedis, withWorlds } from "../redis.ts";
import { agent, mockModel, openWorld, system, type World } from "../runner/world.ts";
import { listen } from "./listen.ts";

let server: TestRedis;
let world: World;

withWorlds(openWorld, (opened, on) => {
  [world, server] = [opened, on];
});

type Entry = readonly [id: string, fields: readonly string[]];

/** Puts other entries into the place of a task's trace, one an event, as nobody but a person with access to Redis can. */
async function rewrite(ref: TaskRef, change: (entries: readonly Entry[]) => readonly Entry[]): Promise<void> {
  const { journal } = taskKeys(ref);
  const records = await world.redis.xrange(journal, "-", "+");
  const events = records.flatMap(([, fields]) => (fields[3] ?? "").split("\n"));
  const entries = events.map((event, index): Entry => [`${index + 1}-0`, ["hash", "", "event", event]]);
  const pipeline = world.redis.multi().del(journal);
  for (const [id, fields] of change(entries)) pipeline.xadd(journal, id, ...fields);
  await pipeline.exec();
}

/** One digit of the third entry's time; what is stored stays JSON. */
function flipThird(entries: readonly Entry[]): readonly Entry[] {
  return entries.map(([id, fields], index) => {
    return [id, index === 2 ? fields.map((text) => text.replace('"at":"2', '"at":"3')) : fields];
  });
}

function removeThird(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter((_, index) => index !== 2);
}

/** The numbers are closed up, so that no gap shows. */
function removeThirdAndCloseUp(entries: readonly Entry[]): readonly Entry[] {
  return removeThird(entries).map(([, fields], index) => [
    `${index + 1}-0`,
    fields.map((text) => text.replace(/"seq":\d+/, `"seq":${index + 1}`)),
  ]);
}

async function verify(): Promise<{ readonly code: number; readonly items: readonly Record<string, unknown>[] }> {
  const told = listen(tmpdir());
  const code = await runAuditVerify(told.host, {
    env: world.env,
    redis: server.url,
    output: "json",
    verbose: false,
  });
  return { code, items: JSON.parse(told.out()).items };
}

it.each([
  ["a byte flipped", "altered", flipThird],
  ["an entry removed", "gap", removeThird],
  ["an entry removed and the numbers closed up", "unlinked", removeThirdAndCloseUp],
  ["the tail cut", "cut", (entries: readonly Entry[]) => entries.slice(0, -1)],
])("finds a trace with %s, and says of which task and where", async (_, reason, change) => {
  await world.runner();
  const definitions = [agent("a"), system("one", ["a"]), mockModel("mock", [{ say: "done" }])];
  const [hurt, whole] = [await world.start(definitions, "one"), await world.start(definitions, "one")];
  for (const ref of [hurt, whole]) expect((await world.ended(ref)).phase).toBe("Succeeded");
  expect((await verify()).code).toBe(0);
  await rewrite(hurt, change);
  const { code, items } = await verify();
  expect(code).toBe(1);
  const [one, other] = items.toSorted((a, b) => String(a["task"]).localeCompare(String(b["task"])));
  expect(one).toMatchObject({ outcome: "broken", reason });
  expect(one?.["seq"]).toBeGreaterThan(1);
  expect(other).toMatchObject({ outcome: "intact" });
});
