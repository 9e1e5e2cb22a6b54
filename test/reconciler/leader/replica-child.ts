// A replica as a process of its own: leads or stands by with a short lease, applies a repository, and tells each event.
import { randomUUID } from "node:crypto";
import { processLineageMemory } from "../../../reconciler/apply/lineage-memory.ts";
import { openSource } from "../../../reconciler/environment-source.ts";
import { startReplica } from "../../../reconciler/leader/replica.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { type LoopEvent, runLoop } from "../../../reconciler/loop.ts";
import { connectRedis } from "../../../store/connect.ts";
import { openQueue } from "../../../store/queue.ts";
import { TEST_GIT } from "../../git.ts";
import { TOOL } from "../plan/builders.ts";

const [url = "", env = "", repo = "", holder = "", ttlText = ""] = process.argv.slice(2);
const redis = connectRedis(url, "command");
const signal = new AbortController().signal;
const tools = { git: TEST_GIT, mirrorFolder: "/nonexistent", loader: createLoader(), onProblem: () => undefined };
const writer = {
  redis,
  env,
  holder,
  queue: openQueue(redis, env),
  now: () => new Date(),
  lockWaitMs: 1_000,
  newLineage: randomUUID,
  lineages: processLineageMemory(),
  signal,
  reports: false,
};

function emit(event: LoopEvent): void {
  const told =
    event.type === "ended"
      ? { type: event.result.outcome, serial: "serial" in event.result ? event.result.serial : undefined }
      : event.type === "planned"
        ? { type: event.type }
        : event;
  process.stdout.write(`${JSON.stringify(told)}\n`);
}

const subscriber = connectRedis(url, "worker");
const replica = startReplica(
  { redis, subscriber, env, holder, emit, signal, ttlMs: Number(ttlText) },
  ({ lead, bell, signal: leading }) =>
    runLoop({
      source: openSource({ kind: "commit", repo, ref: "main", path: "." }, tools),
      writer: { ...writer, lead, signal: leading },
      tool: TOOL,
      newId: randomUUID,
      allowHistory: [],
      bell,
      intervalMs: 60_000,
      random: () => 0.5,
      emit,
      signal: leading,
    }),
);
// A line on stdin is a webhook's word.
process.stdin.on("data", () => replica.look());
await replica.stopped;
