// Two reconcilers on one environment, while commits arrive and each of them, and Redis, is paused, killed and started
// again: no update is lost, nothing is applied twice, no state is a mixture, and each order makes one task.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { specOf } from "../../contracts/kinds.ts";
import type { ObservedState } from "../../contracts/record.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { readHistory } from "../../store/history.ts";
import { readState } from "../../store/state.ts";
import { pendingTaskIntents } from "../../store/task-intents.ts";
import { listTasks } from "../../store/tasks.ts";
import { ENTRY } from "../cli/command.ts";
import { type TestFiles, type TestRepository, testRepository } from "../git.ts";
import { cases } from "../property.ts";
import { describeWithRedis, SEARCH } from "../redis.ts";
import { until } from "../store/world.ts";
import { killServer } from "./kill-server.ts";
import { agent, MODEL } from "./world.ts";

const ROUNDS = cases(12);
/** In twelve rounds of this one each of the two is struck in each way. */
const SEED = Number(process.env["COUNTWHEEL_TEST_SEED"] ?? 8);
const ENV = "raced";

/** Every manifest of a commit tells its number. */
function commitFiles(number: number): TestFiles {
  return {
    "agents/m.yaml": MODEL,
    "agents/a.yaml": agent("a", `v${number}`),
    "agents/b.yaml": agent("b", `v${number}`),
    "agents/c.yaml": agent("c", `v${number}`),
    "agents/s.yaml": "kind: AgentSystem\nmetadata: {name: s}\nspec: {agents: [a]}\n",
    "agents/t.yaml": `kind: Task\nmetadata: {name: job}\nspec: {system: s, input: {number: v${number}}}\n`,
  };
}

describeWithRedis(`two reconcilers (seed ${SEED})`, () => {
  let home: string;
  let url: string;
  let redis: Redis;
  let repository: TestRepository;
  const commits: string[] = [];
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "cw-race-"));
    [{ url }, repository] = await Promise.all([ensureEmbedded(server()), testRepository(commitFiles(0))]);
    redis = connectRedis(url, "command");
    commits.push(await repository.git("rev-parse", "HEAD"));
    await repository.push();
  });
  afterAll(async () => {
    await closeRedis(redis);
    await Promise.all([stopEmbedded(home), repository.remove()]);
    await rm(home, { recursive: true, force: true });
  });

  it(
    "apply every state once and whole, whatever becomes of them",
    async () => {
      const random = numbers(SEED);
      const pair = [start("one"), start("two")];
      await reaches(commits.at(-1));
      for (let round = 0; round < ROUNDS; round += 1) {
        const which = random(2);
        await strike(random(5), pair, which);
        await push();
        await pause(random(600));
        await isWhole();
        pair[which]?.kill("SIGCONT");
      }
      for (const child of pair) child.kill("SIGCONT");
      await push();
      await reaches(commits.at(-1));
      await until("no order is left", async () => (await pendingTaskIntents(redis, ENV)).length === 0);
      await end(pair);
      await isHistoryWhole();
    },
    ROUNDS * 1_000 + 90_000,
  );

  /** One blow: a pause, a kill, or a Redis that dies and comes back. Most rounds have none. */
  async function strike(blow: number, pair: ChildProcess[], which: number): Promise<void> {
    const child = pair[which];
    if (blow === 0) child?.kill("SIGSTOP");
    if (blow === 1) {
      child?.kill("SIGKILL");
      pair[which] = start(`${which}-again`);
    }
    if (blow === 2) {
      await killServer(home);
      await push();
      await ensureEmbedded(server());
    }
  }

  async function push(): Promise<void> {
    commits.push(await repository.commit(commitFiles(commits.length)));
    await repository.push();
  }

  function server() {
    return { ...SEARCH, home, say: () => undefined };
  }

  function start(name: string): ChildProcess {
    const where = ["--repo", repository.bare, "--ref", "main", "--path", "agents"];
    const words = ["reconcile", ...where, "--interval", "300ms", "--redis", url, "--env", ENV];
    return spawn(process.execPath, [...ENTRY, ...words], {
      cwd: home,
      env: { PATH: process.env["PATH"] ?? "", HOME: home, CI: "true", COUNTWHEEL_HOME: join(home, name) },
      stdio: "ignore",
    });
  }

  async function end(pair: readonly ChildProcess[]): Promise<void> {
    const ended = pair.filter(({ exitCode }) => exitCode === null).map((child) => once(child, "exit"));
    for (const child of pair) child.kill("SIGTERM");
    await Promise.all(ended);
  }

  function reaches(commit: string | undefined): Promise<unknown> {
    return until(`commit ${commit} is applied`, async () => (await state()).head?.commit === commit, 60_000);
  }

  function state(): Promise<ObservedState> {
    return readState(redis, ENV);
  }

  /** All of a state is of one commit, and of the one that its head names. */
  async function isWhole(): Promise<void> {
    const { head, records } = await state();
    const versions = [...records.values()].flatMap(({ manifest }) => specOf(manifest, "Agent")?.prompt ?? []);
    const number = commits.indexOf(head?.commit ?? "");
    expect(versions).toEqual(number === -1 ? [] : [`v${number}`, `v${number}`, `v${number}`]);
  }

  async function isHistoryWhole(): Promise<void> {
    const history = (await readHistory(redis, ENV, 10_000)).toReversed();
    expect(history.map(({ serial }) => serial)).toEqual(history.map((_entry, index) => index + 1));
    // Each apply goes on from the one before: none is taken back by a late one, and none is done again.
    const numbersApplied = history.map(({ commit }) => commits.indexOf(commit ?? ""));
    expect(numbersApplied).toEqual([...new Set(numbersApplied)].toSorted((a, b) => a - b));
    expect(new Set(history.map(({ planId }) => planId)).size).toBe(history.length);
    expect((await listTasks(redis, ENV)).length).toBe(history.length);
  }
});

/** Mulberry32: the same seed strikes in the same order. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
