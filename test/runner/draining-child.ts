// A runner that ends by itself when it has drained: url, environment, id. Nothing ends the process for it, so that whatever
// it leaves open keeps it alive; then it tells what that is, and exits with 4.
import { startRunner } from "../../runner/runner.ts";
import { runnerOptions } from "./world.ts";

/** For the last answers of what was closed. */
const MOMENT_MS = 1_500;

const [url = "", env = "", id = ""] = process.argv.slice(2);
const runner = await startRunner(runnerOptions(url, env, id));
process.once("SIGTERM", () => void runner.drain(10_000).then(watch));
process.stdout.write("ready\n");

function watch(): void {
  const late = setTimeout(() => {
    process.stderr.write(`still open: ${process.getActiveResourcesInfo().join(", ")}\n`);
    process.exit(4);
  }, MOMENT_MS);
  // It keeps nothing alive.
  late.unref();
}
