// `npm run nemesis -- --minutes 10 --seed N`: the nemesis for as long as is asked for, on a Redis of its own.
import { parseArgs } from "node:util";
import { buildChildren } from "../build.ts";
import { testRedis } from "../redis.ts";
import { runNemesis } from "./nemesis.ts";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string", default: String(Date.now()) } },
});
console.log(`seed ${values.seed}`);
await buildChildren();
const server = await testRedis();
try {
  const forMs = Number(values.minutes) * 60_000;
  const begunMs = performance.now();
  const say = (line: string): void => console.log(`${((performance.now() - begunMs) / 1_000).toFixed(3)} ${line}`);
  const { breaches, ...counts } = await runNemesis({ url: server.url, seed: values.seed, forMs, say });
  console.log(counts);
  for (const breach of breaches) console.log(breach);
  process.exitCode = breaches.length === 0 ? 0 : 1;
} finally {
  await server.stop();
}
