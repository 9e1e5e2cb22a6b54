// reconcile --once --github: one look that also tells GitHub, and says with its exit code where it could not.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";

describeWithRedis("reconcile --once --github", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let github: GithubServer;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    repository = await testRepository({ "agents/m.yaml": MODEL });
    github = await startGithub({ "app-token": { kind: "app", slug: "github-actions" } });
  });
  afterEach(async () => {
    await github.stop();
    await repository.remove();
    expect(github.violations).toEqual([]);
  });

  async function once(env: string, token = "app-token") {
    const told = { out: "", err: "" };
    const output = (name: "out" | "err") => ({
      isTTY: false,
      columns: 120,
      write: (text: string) => void (told[name] += text),
    });
    const variables = { PATH: TEST_GIT.path, GITHUB_TOKEN: token, GITHUB_API_URL: github.url };
    const host: Host = {
      stdout: output("out"),
      stderr: output("err"),
      cwd: repository.folder,
      config: readConfig({ ...variables, COUNTWHEEL_HOME: join(repository.folder, ".countwheel") }).config,
      signal: new AbortController().signal,
      now: () => new Date(),
      confirm: async () => false,
    };
    const source = { repo: repository.folder, ref: "main", path: "agents", github: "acme/agents" };
    const common = { env, redis: server.url, output: "text", verbose: false, interval: 1_000, once: true } as const;
    return { code: await runReconcile(host, { ...common, ...source }), ...told };
  }

  it("applies, and concludes the check of the apply before it ends", async () => {
    expect(await once(`t-${randomUUID().slice(0, 8)}`)).toMatchObject({ code: 0 });
    expect(github.state.checkRuns).toMatchObject([{ status: "completed", conclusion: "success" }]);
  });

  it("exits 1 where GitHub hears nothing, and tells it at the next look", async () => {
    const env = `t-${randomUUID().slice(0, 8)}`;
    const refused = await once(env, "no-such-token");
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("GITHUB_AUTH") });
    expect(refused.out).toContain("applied");
    expect(await once(env)).toMatchObject({ code: 0 });
    expect(github.state.checkRuns).toHaveLength(1);
  });
});
