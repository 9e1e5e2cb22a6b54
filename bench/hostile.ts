// How long the worst that a manifest can hold keeps everything else waiting: reading the rule, and one call judged by the
// task's policies and by those of now, without a pause in between. The rules are those of test/policies/hostile-cases.ts.
import { decide } from "../policies/decide.ts";
import { compilePolicies } from "../policies/policy-set.ts";
import { HOSTILE_RULES, type HostileCase } from "../test/policies/hostile-cases.ts";
import { globalPolicy, toolRequest } from "../test/policies/requests.ts";
import { printFigure } from "./measure.ts";

const NOTE = "by CPU time; on a machine shared with tests";
/** A rule that is read and judged first pays for the compiler's warming up, once in the life of a process. */
const WARM_UP = 3;

const figures = HOSTILE_RULES.map((hostile) => ({ name: hostile.name, ...measure(hostile) }));
const longest = (of: "readMs" | "judgeMs") => figures.toSorted((one, other) => other[of] - one[of])[0];
for (const [what, of] of [
  ["reading a hostile rule", "readMs"],
  ["judging a call by a hostile rule, twice", "judgeMs"],
] as const) {
  const worst = longest(of);
  const note = `the worst of ${figures.length}: ${worst?.name}; ${NOTE}`;
  printFigure({
    name: `${what}: longest blocked`,
    unit: "ms",
    value: worst?.[of] ?? Number.NaN,
    runs: figures.length,
    note,
  });
}

function measure(hostile: HostileCase): { readonly readMs: number; readonly judgeMs: number } {
  for (let run = 0; run < WARM_UP; run += 1) play(hostile, run);
  return play(hostile, WARM_UP);
}

/** `run` goes into the rule, so that nothing is kept from the run before. */
function play({ must, when, args }: HostileCase, run: number) {
  const conditions = { ...(must === undefined ? {} : { must }), ...(when === undefined ? {} : { when }) };
  const rule = { match: { tools: ["*"] }, ...conditions, message: `run ${run}` };
  const [set, readMs] = cpuMs(() => compilePolicies([globalPolicy({ rules: [rule] })], "sha256:bench"));
  const request = toolRequest({ args });
  const [, judgeMs] = cpuMs(() => [decide(request, set), decide(request, set)]);
  return { readMs, judgeMs };
}

function cpuMs<T>(body: () => T): [T, number] {
  const before = process.cpuUsage();
  const value = body();
  const { user, system } = process.cpuUsage(before);
  return [value, (user + system) / 1_000];
}
