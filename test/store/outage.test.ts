// Redis is killed under a worker and comes back from its append-only file: nothing is lost, and the noise is one line.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { closeRedis, connectRedis } from "../../store/connect.ts";
import { type EmbeddedRequest, ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { placeOf } from "../../store/embedded/place.ts";
import { isAlive } from "../../store/embedded/single-flight.ts";
import { openQueue } from "../../store/queue.ts";
import { createTask, readTask } from "../../store/tasks.ts";
import { startActivationWorker } from "../../store/worker.ts";
import { describeWithRedis, SEARCH } from "../redis.ts";
import { newEnv, taskOf, until } from "./world.ts";

let home = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "cw-outage-"));
});
afterEach(async () => {
  await stopEmbedded(home);
  await rm(home, { recursive: true, force: true });
});

function request(): EmbeddedRequest {
  return { ...SEARCH, home, say: () => undefined };
}

async function killRedis(): Promise<void> {
  const pid = Number(await readFile(placeOf(home).pid, "utf8"));
  process.kill(pid, "SIGKILL");
  await until("the server is dead", async () => !isAlive(pid));
}

describeWithRedis("an outage of Redis", () => {
  test("fails commands at once, is told once by a worker, and is over as soon as Redis is back", async () => {
    const { url } = await ensureEmbedded(request());
    const redis = connectRedis(url, "command");
    const workerRedis = connectRedis(url, "worker");
    const queue = openQueue(redis, newEnv());
    const seen: string[] = [];
    const errors: unknown[] = [];
    const worker = startActivationWorker({
      redis: workerRedis,
      env: queue.env,
      concurrency: 1,
      announced: { gpu: false, models: [] },
      leaseMs: 1_000,
      process: async ({ task }) => void seen.push(task.name),
      onError: (error) => errors.push(error),
    });
    const before = taskOf(queue.env, "before");
    await createTask(redis, queue, before);
    await until("the first job", async () => seen.includes("before"));

    await killRedis();
    await expect(readTask(redis, before.ref)).rejects.toMatchObject({ code: "REDIS_UNAVAILABLE" });
    await until("the worker has told of it", async () => errors.length > 0);

    await ensureEmbedded(request());
    expect(await readTask(redis, before.ref)).toMatchObject({ name: "before" });
    await createTask(redis, queue, taskOf(queue.env, "after"));
    await until("the worker goes on", async () => seen.includes("after"));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: "REDIS_UNAVAILABLE" });

    await worker.close();
    await queue.close();
    await closeRedis(redis);
    await closeRedis(workerRedis);
  });
});
