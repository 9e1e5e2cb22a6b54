// A runner as a process of its own, to be killed and drained by tests: url, environment, id, lease, concurrency,
// and what it announces.
import { startRunner } from "../../runner/runner.ts";
import { runnerOptions } from "./world.ts";

const [url = "", env = "", id = "", leaseMs = "", concurrency = "", announced = ""] = process.argv.slice(2);
const runner = await startRunner({
  ...runnerOptions(url, env, id),
  leaseMs: Number(leaseMs),
  concurrency: Number(concurrency),
  announced: JSON.parse(announced),
  say: (line) => void process.stderr.write(`${line}\n`),
});
process.once("SIGTERM", () => void runner.drain(2_000).then((handedBack) => process.exit(handedBack === 0 ? 0 : 3)));
/** Blocks the event loop for two leases, as a runaway computation would. */
process.on("SIGUSR2", () => {
  const untilMs = performance.now() + 2 * Number(leaseMs);
  while (performance.now() < untilMs);
});
process.stdout.write("ready\n");
