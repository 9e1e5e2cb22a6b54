// Apply of 1,000 and of 10,000 records: the staged switch against a private Redis, from the plan to the answer.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyPlan, type Writer } from "../reconciler/apply/apply-plan.ts";
import { processLineageMemory } from "../reconciler/apply/lineage-memory.ts";
import { openSource } from "../reconciler/environment-source.ts";
import { createLoader } from "../reconciler/load/load-files.ts";
import { makePlan } from "../reconciler/plan/make-plan.ts";
import { closeRedis, connectRedis } from "../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../store/embedded/embedded.ts";
import { openQueue } from "../store/queue.ts";
import { readState } from "../store/state.ts";
import { makeBigRepository } from "./big-repository.ts";
import { median, printFigure } from "./measure.ts";

const SIZES: readonly { readonly size: number; readonly runs: number }[] = [
  { size: 1_000, runs: 7 },
  { size: 10_000, runs: 5 },
];
const home = mkdtempSync(join(tmpdir(), "countwheel-bench-"));
const path = process.env["PATH"] ?? "";
const { url } = await ensureEmbedded({
  home,
  path,
  userHome: process.env["HOME"],
  say: (line) => process.stderr.write(`${line}\n`),
});
const redis = connectRedis(url, "command");
try {
  for (const { size, runs } of SIZES) await applyMany(size, runs);
} finally {
  await closeRedis(redis);
  await stopEmbedded(home);
  rmSync(home, { recursive: true, force: true });
}

async function applyMany(size: number, runs: number): Promise<void> {
  const repository = makeBigRepository(size);
  try {
    const tools = {
      git: { path },
      mirrorFolder: join(home, "mirrors"),
      loader: createLoader(),
      onProblem: () => undefined,
    };
    const source = openSource({ kind: "commit", repo: repository.folder, ref: "main", path: "agents" }, tools);
    const times: number[] = [];
    for (let run = 0; run < runs; run += 1) times.push(await applyOnce(source, `bench-${size}-${run}`));
    printFigure({ name: `apply of ${size.toLocaleString("en-US")} records`, unit: "ms", value: median(times), runs });
  } finally {
    repository.remove();
  }
}

function now(): Date {
  return new Date();
}

async function applyOnce(source: ReturnType<typeof openSource>, env: string): Promise<number> {
  const signal = new AbortController().signal;
  const answer = await source.read(signal);
  if (answer.status !== "ok") throw new Error("the benchmark's repository cannot be read");
  const observed = await readState(redis, env);
  const tool = { name: "bench", version: "0" };
  const plan = makePlan({ source: answer, history: "first", observed, env, now: now(), planId: randomUUID(), tool });
  const queue = openQueue(redis, env);
  const writer: Writer = {
    redis,
    queue,
    env,
    now,
    holder: "bench",
    lockWaitMs: 0,
    newLineage: randomUUID,
    lineages: processLineageMemory(),
    signal,
    reports: false,
  };
  const start = performance.now();
  const outcome = await applyPlan(writer, { plan, manifests: answer.set.manifests, observed });
  const ms = performance.now() - start;
  await queue.close();
  if (outcome.outcome !== "applied") throw new Error(`the apply was ${outcome.outcome}`);
  return ms;
}
