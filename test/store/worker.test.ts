// The bell end to end: real BullMQ workers, a real process that is killed, a takeover, a drain.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { QUEUE_NAME, queuePrefix, taskKeys } from "../../store/keys.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { type Claim, claimActivation } from "../../store/scripts/claim.ts";
import { releaseActivation } from "../../store/scripts/release.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { createTask } from "../../store/tasks.ts";
import { type ActivationWorker, type ActivationWorkerOptions, startActivationWorker } from "../../store/worker.ts";
import { childProgram } from "../children.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { handOver, newEnv, taskOf, until } from "./world.ts";

const announced = { gpu: false, models: [] };

describeWithRedis("the bell", () => {
  let server: TestRedis;
  let redis: Redis;
  let workerRedis: Redis;
  let queue: ActivationQueue;
  const workers: ActivationWorker[] = [];
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    workerRedis = connectRedis(server.url, "worker");
  });
  afterAll(async () => {
    await closeRedis(redis);
    await closeRedis(workerRedis);
    await server.stop();
  });
  beforeEach(() => {
    queue = openQueue(redis, newEnv());
    return async () => {
      for (const worker of workers.splice(0)) await worker.close();
      await queue.close();
    };
  });

  function startWorker(
    process: ActivationWorkerOptions["process"],
    more: Partial<ActivationWorkerOptions> = {},
  ): ActivationWorker {
    const options = { redis: workerRedis, env: queue.env, concurrency: 1, announced, leaseMs: 1_000, process, ...more };
    const worker = startActivationWorker(options);
    workers.push(worker);
    return worker;
  }

  /** Claims every activation that it hears of and tells what came of it. */
  function claiming(seen: Claim[], holder: string): ActivationWorkerOptions["process"] {
    return async (job, { delay }) => {
      const claim = await claimActivation(workerRedis, { ...job, holder, leaseMs: 1_000 });
      seen.push(claim);
      if (claim.outcome === "held" || claim.outcome === "later") delay(claim.remainingMs);
    };
  }

  test("brings an activation to a worker once", async () => {
    const seen: Claim[] = [];
    startWorker(claiming(seen, "r1"));
    const task = taskOf(queue.env);
    await createTask(redis, queue, task);
    await until("the claim", async () => seen.length > 0);
    await until(
      "the job is gone",
      async () => (await queue.withoutBell([{ task: task.ref, activation: "planner#1" }]))[0],
    );
    expect(seen.map(({ outcome }) => outcome)).toEqual(["claimed"]);
  });

  test("brings high priority before normal and low", async () => {
    for (const priority of ["low", "normal", "high"] as const) {
      await createTask(redis, queue, { ...taskOf(queue.env, priority), priority });
    }
    const seen: string[] = [];
    startWorker(async ({ task }) => void seen.push(task.name));
    await until("all three", async () => seen.length === 3);
    expect(seen).toEqual(["high", "normal", "low"]);
  });

  test("rings for another runner when the one at work is killed, which takes over from where it was", async () => {
    const child = spawn(process.execPath, [childProgram("store/worker-child.ts"), server.url, queue.env, "1000"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const claimed = once(createInterface({ input: child.stdout }), "line");
    await createTask(redis, queue, taskOf(queue.env));
    expect(await claimed).toEqual(["planner#1"]);

    const seen: Claim[] = [];
    startWorker(claiming(seen, "r2"));
    child.kill("SIGKILL");
    const claim = await until("the takeover", async () => seen.find(({ outcome }) => outcome === "claimed"));
    expect(claim).toMatchObject({ epoch: 2, attempt: 2, takenOverFrom: "child" });
  });

  test("rings again after a delay that was asked for, and after a processor that threw", async () => {
    const errors: unknown[] = [];
    let calls = 0;
    const task = taskOf(queue.env);
    startWorker(
      async (_job, { delay }) => {
        calls += 1;
        if (calls === 1) return delay(20);
        if (calls === 2) throw new Error("a bug");
      },
      { leaseMs: 400, onError: (error) => errors.push(error) },
    );
    await createTask(redis, queue, task);
    await until("the third call", async () => calls === 3);
    expect(errors).toEqual([new Error("a bug")]);
    await until(
      "the job is gone",
      async () => (await queue.withoutBell([{ task: task.ref, activation: "planner#1" }]))[0],
    );
  });

  test("rings at once for an activation whose next try was hours away and has come early", async () => {
    const seen: Claim[] = [];
    const task = taskOf(queue.env);
    startWorker(async (job, { delay }) => {
      const claim = await claimActivation(workerRedis, { ...job, holder: "r1", leaseMs: 5_000 });
      seen.push(claim);
      if (claim.outcome !== "claimed" || claim.attempt > 1) return;
      const grant = { ...job, holder: "r1", epoch: claim.epoch };
      const retry = { phase: "Runnable" as const, runnableInMs: 7_200_000, start: [] };
      await releaseActivation(redis, queue, { ...handOver(grant, claim), ...retry });
      delay(7_200_000);
    });
    await createTask(redis, queue, task);
    await until("the bell is delayed", async () => (await sleepers(queue.env)) === 1);
    await redis.hset(taskKeys(task.ref).activations, "planner#1/runnableAt", 0);
    await sweepTasks(redis, queue);
    await until("the second claim", async () => seen.length === 2);
    expect(seen[1]).toMatchObject({ outcome: "claimed", attempt: 2 });
  });

  function sleepers(env: string): Promise<number> {
    return redis.zcard(`${queuePrefix(env)}:${QUEUE_NAME}:delayed`);
  }

  test("is stopped by a drain: running work may end, what does not is aborted and rings elsewhere", async () => {
    let started = 0;
    const ended: string[] = [];
    const worker = startWorker(
      async ({ task }, { signal, delay }) => {
        started += 1;
        await (task.name === "slow" ? once(signal, "abort") : until("both run", async () => started === 2));
        ended.push(`${task.name} ${signal.aborted ? signal.reason.code : "done"}`);
        if (signal.aborted) delay(0);
      },
      { concurrency: 2 },
    );
    for (const name of ["slow", "quick"]) await createTask(redis, queue, taskOf(queue.env, name));
    await until("both run", async () => started === 2);
    expect(await worker.drain(200)).toBe(1);
    expect(ended).toEqual(["quick done", "slow DRAINED"]);
    await worker.close();
    const seen: string[] = [];
    startWorker(async ({ task }) => void seen.push(task.name));
    await until("another worker hears of it", async () => seen.includes("slow"));
  });

  test("does not bring an activation to a worker that is at work on it, and leaves that work alone", async () => {
    let [atWork, most, calls] = [0, 0, 0];
    let wasAborted = false;
    const end = new AbortController();
    startWorker(
      async (_job, { signal }) => {
        calls += 1;
        atWork += 1;
        most = Math.max(most, atWork);
        if (!end.signal.aborted) await once(end.signal, "abort");
        wasAborted ||= signal.aborted;
        atWork -= 1;
      },
      { concurrency: 2, leaseMs: 300, onError: () => undefined },
    );
    const { ref } = taskOf(queue.env);
    await createTask(redis, queue, taskOf(queue.env));
    await until("the work begins", async () => calls === 1);
    // BullMQ's lock is gone, as after an outage that the lease survived: the job counts as stalled and rings again.
    const lock = `${queuePrefix(queue.env)}:${QUEUE_NAME}:${ref.namespace}/${ref.name}/planner#1:lock`;
    await until("it is delayed for being under way", async () => {
      await redis.del(lock);
      return (await sleepers(queue.env)) === 1;
    });
    expect([calls, most]).toEqual([1, 1]);
    end.abort();
    await until(
      "the bell has rung out",
      async () => (await queue.withoutBell([{ task: ref, activation: "planner#1" }]))[0],
    );
    expect([most, wasAborted]).toEqual([1, false]);
  });

  test("drops a job that somebody forged", async () => {
    const errors: unknown[] = [];
    const seen: string[] = [];
    startWorker(async ({ task }) => void seen.push(task.name), { onError: (error) => errors.push(error) });
    const { Queue } = await import("bullmq");
    const forger = new Queue(QUEUE_NAME, { connection: redis, prefix: queuePrefix(queue.env) });
    await forger.add("activation", { namespace: "default", name: "x}:task", activation: "a#1" });
    await forger.add("activation", null);
    await createTask(redis, queue, taskOf(queue.env));
    await until("the honest job", async () => seen.length === 1 && errors.length === 2);
    expect(seen).toEqual(["weekly-report"]);
    await forger.close();
  });
});
