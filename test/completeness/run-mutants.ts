// `npm run mutants`: takes each call of the gate away in turn and says whether a test noticed. `-- 3 7` plays these only.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setup } from "../build.ts";
import { GATE_CALLS, MUTANTS, type Mutant } from "./mutants.ts";

const root = join(import.meta.dirname, "..", "..");
const chosen = process.argv.slice(2).map(Number);

await setup();
const forgotten = await findForgotten();
for (const line of forgotten) console.log(`no mutant takes this away: ${line}`);
if (chosen.length === 0) await checkBaseline();
let survivors = 0;
for (const [index, mutant] of MUTANTS.entries()) {
  if (chosen.length > 0 && !chosen.includes(index)) continue;
  const verdict = await play(mutant, index);
  if (verdict !== "killed") survivors += 1;
  console.log(`${String(index).padStart(2)} ${verdict.padEnd(8)} ${mutant.file}: ${firstLine(mutant.from)}`);
}
console.log(`${MUTANTS.length} mutants, ${survivors} survived`);
process.exitCode = survivors + forgotten.length === 0 ? 0 : 1;

/** A test that is red anyway notices nothing. */
async function checkBaseline(): Promise<void> {
  const tests = [...new Set(MUTANTS.flatMap((mutant) => mutant.tests))];
  const verdict = await play({ tests }, "none");
  if (verdict !== "survived") throw new Error("the tests are red without any mutant");
}

/** `broken`: no test failed, but the run did: the mutant is no code, and shows nothing. */
async function play(
  { tests }: Pick<Mutant, "tests">,
  index: number | "none",
): Promise<"killed" | "survived" | "broken"> {
  const folder = await mkdtemp(join(tmpdir(), "cw-mutant-"));
  const report = join(folder, "report.json");
  const config = join(import.meta.dirname, "mutant.vitest.config.ts");
  const args = ["vitest", "run", ...tests, "--config", config, "--bail=1", "--reporter=json", `--outputFile=${report}`];
  const env = { ...process.env, COUNTWHEEL_TEST_MUTANT: String(index) };
  await new Promise((resolve) => execFile("npx", args, { cwd: root, env }, resolve));
  const told = JSON.parse(await readFile(report, "utf8").catch(() => "{}")) as Report;
  await rm(folder, { recursive: true });
  if ((told.numFailedTests ?? 0) > 0) return "killed";
  return told.success === true ? "survived" : "broken";
}

interface Report {
  readonly numFailedTests?: number;
  readonly success?: boolean;
}

async function findForgotten(): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(GATE_CALLS).map(async ([file, call]) => {
      const lines = (await readFile(join(root, file), "utf8")).split("\n").filter((line) => call.test(line));
      const known = MUTANTS.filter((mutant) => mutant.file === file).flatMap(({ from }) => from.split("\n"));
      const isKnown = (line: string): boolean =>
        known.some((part) => line.includes(part.trim()) || part.includes(line.trim()));
      return lines.filter((line) => !isKnown(line)).map((line) => `${file}: ${line.trim()}`);
    }),
  );
  return found.flat();
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}
