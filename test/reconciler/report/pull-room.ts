// A repository with pull requests as GitHub keeps them, a Redis and a GitHub: what the report's loop works with.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect } from "vitest";
import type { EnvironmentSettings } from "../../../contracts/environment.ts";
import { processLineageMemory } from "../../../reconciler/apply/lineage-memory.ts";
import type { Bell } from "../../../reconciler/bell.ts";
import { commitSourceReader, openSource, settingsEditsReader } from "../../../reconciler/environment-source.ts";
import { PruneConfirmation } from "../../../reconciler/holds/confirm.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { runLoop } from "../../../reconciler/loop.ts";
import type { ReportingOptions } from "../../../reconciler/report/start-reporting.ts";
import { type TickOutcome, tick } from "../../../reconciler/tick.ts";
import type { Redis } from "../../../store/connect.ts";
import { openQueue } from "../../../store/queue.ts";
import { TEST_GIT, type TestFiles, type TestRepository, testRepository } from "../../git.ts";
import { type GithubServer, startGithub } from "../../github/server.ts";
import { withRedis } from "../../redis.ts";
import { TOKENS } from "./builders.ts";

const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";

export interface PullRoom {
  readonly env: string;
  readonly github: GithubServer;
  readonly repository: TestRepository;
  readonly said: string[];
  /** Ends what was started with {@link options}. */
  readonly stop: AbortController;
  options(more?: Partial<ReportingOptions>): ReportingOptions;
  /** One look of a reconciler at the branch. */
  tick(said?: { readonly confirmPrunes?: number; readonly settings?: EnvironmentSettings }): Promise<TickOutcome>;
  /** Looks at the branch until it is stopped, as often as `bell` rings or the interval is over. */
  loop(bell: Bell, intervalMs: number): Promise<void>;
  /** Pushes these files to the pull request's branch, from the branch as it is. */
  pushFiles(number: number, files: TestFiles): Promise<string>;
  /** Puts the pull request's head onto the branch, by a merge commit. */
  merge(number: number): Promise<string>;
  /** Pushes one more model to the pull request's branch and answers its head; the first time it opens it. */
  push(number: number, name: string, more?: { readonly baseRef?: string }): Promise<string>;
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

/** A room for each of the tests around, which ask nothing against GitHub's description: `opened` gets it before the test. */
export function withPullRooms(opened: (room: PullRoom, redis: Redis) => void, files: TestFiles = {}): void {
  let [redis, room]: [Redis | undefined, PullRoom | undefined] = [undefined, undefined];
  withRedis((connected) => {
    redis = connected;
  });
  beforeEach(async () => {
    if (redis === undefined) throw new Error("there is no Redis");
    room = await openPullRoom(redis, files);
    opened(room, redis);
  });
  afterEach(async () => {
    await room?.close();
    expect(room?.github.violations).toEqual([]);
  });
}

export async function openPullRoom(redis: Redis, files: TestFiles = {}): Promise<PullRoom> {
  const env = `env-${randomUUID().slice(0, 8)}`;
  const [github, repository] = await Promise.all([
    startGithub(TOKENS),
    testRepository({ "agents/model.yaml": MODEL, ...files }),
  ]);
  const [stop, said]: [AbortController, string[]] = [new AbortController(), []];
  const spec = { kind: "commit", repo: repository.folder, ref: "main", path: "agents" } as const;
  const onProblem = (line: string): void => void said.push(line);
  const tools = { git: TEST_GIT, mirrorFolder: repository.folder, loader: createLoader(), onProblem };
  const openTick = () => {
    const queue = openQueue(redis, env);
    const writer = {
      redis,
      queue,
      env,
      holder: randomUUID(),
      lockWaitMs: 1_000,
      newLineage: randomUUID,
      lineages: processLineageMemory(),
      now: () => new Date(),
      signal: stop.signal,
      reports: true,
    };
    const tool = { name: "countwheel", version: "0.0.0" };
    const rest = { tool, newId: randomUUID, allowHistory: [], signal: stop.signal };
    return { options: { source: openSource(spec, tools), writer, ...rest }, close: () => queue.close() };
  };
  return {
    env,
    github,
    repository,
    said,
    stop,
    options: (more = {}) => ({
      redis,
      env,
      lineages: processLineageMemory(),
      github: {
        apiUrl: github.url,
        token: "app-token",
        repository: { owner: "acme", name: "agents" },
        pace: "none",
        waitForLimitMs: 0,
      },
      branch: "main",
      readSource: commitSourceReader(spec, tools),
      editsSettings: settingsEditsReader(spec, tools),
      tool: { name: "countwheel", version: "0.0.0" },
      intervalMs: 60_000,
      announceAfterMs: 60_000,
      now: () => new Date(),
      newId: randomUUID,
      say: (line) => void said.push(line),
      signal: stop.signal,
      ...more,
    }),
    async tick({ confirmPrunes, settings } = {}) {
      const { options, close } = openTick();
      const confirmation = new PruneConfirmation(confirmPrunes ?? null);
      try {
        return await tick({ ...options, ...(settings && { settings }), confirmation, onPlan: () => undefined });
      } finally {
        await close();
      }
    },
    async loop(bell, intervalMs) {
      const { options, close } = openTick();
      // Nothing but the bell and the poll: what happens on this machine is not told.
      const source = { ...options.source, watch: async () => undefined };
      const times = { intervalMs, random: Math.random, emit: () => undefined };
      try {
        await runLoop({ ...options, ...times, source, bell });
      } finally {
        await close();
      }
    },
    async pushFiles(number, changed) {
      await repository.git("checkout", "--quiet", "-B", `change-${number}`, "main");
      const headSha = await repository.commit(changed);
      await repository.git("update-ref", `refs/pull/${number}/head`, headSha);
      await repository.git("checkout", "--quiet", "main");
      github.state.addPull({ number, headSha });
      return headSha;
    },
    async merge(number) {
      await repository.git("merge", "--quiet", "--no-ff", "--message", `merge #${number}`, `change-${number}`);
      const [mergeCommitSha, headSha] = [
        await repository.git("rev-parse", "HEAD"),
        await repository.git("rev-parse", `change-${number}`),
      ];
      github.state.addPull({ number, headSha, mergedAt: new Date().toISOString(), mergeCommitSha });
      return mergeCommitSha;
    },
    async push(number, name, more = {}) {
      await repository.git("checkout", "--quiet", "-B", `change-${number}`);
      const model = MODEL.replace("name: mock", `name: ${name}`);
      const headSha = await repository.commit({ [`agents/${name}.yaml`]: model });
      await repository.git("update-ref", `refs/pull/${number}/head`, headSha);
      await repository.git("checkout", "--quiet", "main");
      github.state.addPull({ number, headSha, ...more });
      return headSha;
    },
    async until(what, holds) {
      for (let tries = 0; tries < 1_500; tries += 1) {
        if (await holds()) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error(`waited in vain for ${what}; said: ${said.join(" | ")}`);
    },
    async close() {
      stop.abort();
      await github.stop();
      await repository.remove();
    },
  };
}
