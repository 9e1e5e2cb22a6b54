// The start of `countwheel --help`, as a whole process of the build, beside a bare `node -e 0`.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { median, printFigure, timeRuns } from "./measure.ts";

const root = join(import.meta.dirname, "..");
const RUNS = 11;

execFileSync("npm", ["run", "-s", "build"], { cwd: root, stdio: "ignore" });
const help = await timeRuns(RUNS, () => {
  execFileSync(process.execPath, [join(root, "dist/cli/main.js"), "--help"]);
});
const bare = await timeRuns(RUNS, () => {
  execFileSync(process.execPath, ["-e", "0"]);
});
printFigure({ name: "countwheel --help, whole process", unit: "ms", value: median(help), runs: RUNS });
printFigure({ name: "countwheel --help ÷ bare node", unit: "×", value: median(help) / median(bare), runs: RUNS });
