import { expect, it } from "vitest";
import { testRedis } from "../redis.ts";
import { runNemesis } from "./nemesis.ts";

/** `npm run nemesis` goes on for as long as is asked for. */
const FOR_MS = 8_000;

it("holds every invariant while a nemesis kills and stops runners and Redis", async () => {
  const seed = String(Date.now());
  const server = await testRedis();
  const lines: string[] = [`seed ${seed}`];
  try {
    const report = await runNemesis({ url: server.url, seed, forMs: FOR_MS, say: (line) => void lines.push(line) });
    expect(report.breaches, lines.join("\n")).toEqual([]);
    expect(report.tasks).toBeGreaterThan(5);
    expect(report.calls).toBeGreaterThan(report.tasks);
    expect(report.succeeded).toBeGreaterThan(report.tasks / 2);
  } finally {
    await server.stop();
  }
}, 120_000);
