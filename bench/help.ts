// The start of `countwheel --help`, and of the Action up to its first look at the event, as whole processes of what is built,
// beside a bare `node -e 0`.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { median, printFigure, timeRuns } from "./measure.ts";

const root = join(import.meta.dirname, "..");
const RUNS = 11;

execFileSync("npm", ["run", "-s", "build"], { cwd: root, stdio: "ignore" });
const help = await timeRuns(RUNS, () => {
  execFileSync(process.execPath, [join(root, "dist/cli/main.js"), "--help"]);
});
/** Without an event: it says so, and fails. */
const action = await timeRuns(RUNS, () => {
  const { status } = spawnSync(process.execPath, [join(root, ".github/action/index.mjs")], {
    env: { PATH: process.env["PATH"] },
  });
  if (status === 0) throw new Error("the Action found an event");
});
const bare = await timeRuns(RUNS, () => {
  execFileSync(process.execPath, ["-e", "0"]);
});
printFigure({ name: "countwheel --help, whole process", unit: "ms", value: median(help), runs: RUNS });
printFigure({ name: "start of the Action, whole process", unit: "ms", value: median(action), runs: RUNS });
printFigure({ name: "countwheel --help ÷ bare node", unit: "×", value: median(help) / median(bare), runs: RUNS });
