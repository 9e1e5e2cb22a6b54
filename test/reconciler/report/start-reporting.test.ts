// The report's own loop: plans open pull requests from their heads, tells applies when nudged, and outlives an outage.
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { processLineageMemory } from "../../../reconciler/apply/lineage-memory.ts";
import { commitSourceReader } from "../../../reconciler/environment-source.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { type ReportingOptions, reportOnce, startReporting } from "../../../reconciler/report/start-reporting.ts";
import { closeRedis, connectRedis, type Redis } from "../../../store/connect.ts";
import { pushOutbox } from "../../../store/outbox.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";
import { type GithubServer, startGithub } from "../../github/server.ts";
import { type TestRedis, testRedis } from "../../redis.ts";
import { change, planOf, TOKENS } from "./builders.ts";

const MODEL = "kind: ModelEndpoint\nmetadata:\n  name: mock\nspec:\n  provider: mock\n  default_model: mock-1\n";

let server: TestRedis;
let redis: Redis;
let github: GithubServer;
let repository: TestRepository;
let stop: AbortController;
let said: string[];
let env: string;

beforeAll(async () => {
  server = await testRedis();
  redis = connectRedis(server.url, "command");
});

afterAll(async () => {
  await closeRedis(redis);
  await server.stop();
});

beforeEach(async () => {
  github = await startGithub(TOKENS);
  repository = await testRepository({ "agents/model.yaml": MODEL });
  stop = new AbortController();
  said = [];
  env = `env-${randomUUID().slice(0, 8)}`;
});

afterEach(async () => {
  stop.abort();
  await github.stop();
  await repository.remove();
  expect(github.violations).toEqual([]);
});

function options(intervalMs = 60_000): ReportingOptions {
  const spec = { kind: "commit", repo: repository.folder, ref: "main", path: "agents" } as const;
  const tools = {
    git: TEST_GIT,
    mirrorFolder: repository.folder,
    loader: createLoader(),
    onProblem: (line: string) => void said.push(line),
  };
  return {
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
    tool: { name: "countwheel", version: "0.0.0" },
    intervalMs,
    now: () => new Date(),
    newId: randomUUID,
    say: (line) => void said.push(line),
    signal: stop.signal,
  };
}

/** A pull request as GitHub keeps it: its head under refs/pull. */
async function openPull(number: number, name: string, more: { readonly baseRef?: string } = {}): Promise<string> {
  await repository.git("checkout", "--quiet", "-B", `change-${number}`);
  const headSha = await repository.commit({ [`agents/${name}.yaml`]: MODEL.replace("name: mock", `name: ${name}`) });
  await repository.git("update-ref", `refs/pull/${number}/head`, headSha);
  await repository.git("checkout", "--quiet", "main");
  github.state.addPull({ number, headSha, ...more });
  return headSha;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  if (!holds()) throw new Error(`waited in vain for ${what}; said: ${said.join(" | ")}`);
}

describe("reporting", () => {
  it("plans the head of each open pull request into the branch, once", async () => {
    const head = await openPull(7, "extra");
    await openPull(8, "other", { baseRef: "release" });
    expect(await reportOnce(options())).toBeNull();
    expect(github.state.comments.map(({ pull }) => pull)).toEqual([7]);
    expect(github.state.comments[0]?.body).toContain("**Plan: 2 to create, 0 to update, 0 to move, 0 to prune.**");
    expect(github.state.checkRuns).toMatchObject([{ headSha: head, conclusion: "success" }]);
  });

  it("plans a pull request anew when its head moves, in the same comment", async () => {
    await openPull(7, "extra");
    const reporting = startReporting(options());
    await until("the first plan", () => github.state.comments.length === 1);
    const moved = await openPull(7, "another");
    reporting.nudge();
    await until("the second plan", () => github.state.checkRuns.some(({ headSha }) => headSha === moved));
    expect(github.state.comments).toHaveLength(1);
    stop.abort();
    await reporting.stopped;
  });

  it("tells an apply at once when nudged", async () => {
    const reporting = startReporting(options());
    const plan = planOf([change("create", "extra")]);
    await pushOutbox(redis, env, { kind: "applied", env, commit: "d".repeat(40), serial: 1, plan, tookMs: 10 });
    reporting.nudge();
    await until("the apply's check", () => github.state.checkRuns.length === 1);
    stop.abort();
    await reporting.stopped;
  });

  it("answers what kept it, leaves the entry, and tells it the next time", async () => {
    await openPull(7, "extra");
    github.fail({ method: "POST", path: /check-runs/, times: 1, status: 500 });
    expect(await reportOnce(options())).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    expect(await reportOnce(options())).toBeNull();
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.checkRuns).toHaveLength(1);
  });

  it("says which pull request cannot be read and goes on with the others", async () => {
    github.state.addPull({ number: 6, headSha: "c".repeat(40) });
    await openPull(7, "extra");
    expect(await reportOnce(options())).toBeNull();
    expect(said).toEqual([expect.stringMatching(/^#6 is not planned: /)]);
    expect(github.state.comments.map(({ pull }) => pull)).toEqual([7]);
  });
});
