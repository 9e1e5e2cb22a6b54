// The reconciler as a GitHub App: its two variables, and a whole look whose repository and page both know only the App.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runReconcile } from "../../cli/commands/reconcile.ts";
import { readConfig } from "../../cli/config.ts";
import type { Host } from "../../cli/host.ts";
import { failureOf } from "../../cli/output.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** As GitHub hands it out. */
const PEM = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const ID = "COUNTWHEEL_GITHUB_APP_ID";
const KEY = "COUNTWHEEL_GITHUB_APP_PRIVATE_KEY";
const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";

describe("the variables of a GitHub App", () => {
  const elliptic = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

  it.each([
    ["as GitHub hands it out", PEM],
    ["in one line", PEM.replaceAll("\n", String.raw`\n`)],
    ["as PKCS#8", privateKey.export({ type: "pkcs8", format: "pem" }).toString()],
  ])("take the key %s, and keep it from manifests and from what is printed", (_, key) => {
    const { config, problems } = readConfig({ [ID]: "123456", [KEY]: key });
    expect([problems, config.github.app?.id]).toEqual([[], "123456"]);
    expect(config.github.app?.privateKey.equals(privateKey)).toBe(true);
    expect(JSON.stringify(config)).not.toMatch(/PRIVATE KEY|MII/);
    expect(Object.keys(config.secretEnv)).toEqual([ID]);
  });

  it.each([
    [{ [ID]: "123456" }, `\`${ID}\` needs \`${KEY}\` beside it`],
    [{ [KEY]: PEM }, `\`${KEY}\` needs \`${ID}\` beside it`],
    [{ [ID]: "my app", [KEY]: PEM }, `\`${ID}\` is an App's number or client ID`],
    [{ [ID]: "1", [KEY]: "/etc/canary.pem" }, `\`${KEY}\` is no RSA private key in PEM`],
    [{ [ID]: "1", [KEY]: PEM.slice(0, 400) }, `\`${KEY}\` is no RSA private key in PEM`],
    [
      { [ID]: "1", [KEY]: elliptic.export({ type: "pkcs8", format: "pem" }).toString() },
      `\`${KEY}\` is no RSA private`,
    ],
  ])("are refused with what mends them, and without the key (%#)", (variables, text) => {
    const { problems } = readConfig(variables);
    expect(problems).toEqual([expect.stringContaining(text)]);
    expect(problems.join()).not.toMatch(/canary|MII/);
  });
});

describeWithRedis("reconcile --once --github as an App", () => {
  let server: TestRedis;
  let repository: TestRepository;
  let github: GithubServer;
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    repository = await testRepository({ "agents/m.yaml": MODEL });
    await repository.push();
    github = await startGithub({});
    github.apps.register({ id: "123456", slug: "countwheel", publicKey });
    github.holds(repository.bare);
  });
  afterEach(async () => {
    await github.stop();
    await repository.remove();
    expect(github.violations).toEqual([]);
  });

  async function once(more: Readonly<Record<string, string>> = {}, env = `t-${randomUUID().slice(0, 8)}`) {
    const told = { out: "", err: "" };
    const output = (name: "out" | "err") => ({
      isTTY: false,
      columns: 120,
      write: (text: string) => void (told[name] += text),
    });
    const app = { [ID]: "123456", [KEY]: PEM };
    const variables = { PATH: TEST_GIT.path, GITHUB_API_URL: github.url, ...app, ...more };
    const host: Host = {
      stdout: output("out"),
      stderr: output("err"),
      cwd: repository.folder,
      config: readConfig({ ...variables, COUNTWHEEL_HOME: join(repository.folder, ".countwheel") }).config,
      signal: new AbortController().signal,
      now: () => new Date(),
      confirm: async () => false,
    };
    const source = { repo: `${github.url}/acme/agents.git`, ref: "main", path: "agents", github: "acme/agents" };
    const common = { redis: server.url, output: "text", verbose: false, interval: 1_000, once: true } as const;
    const code = await runReconcile(host, { env, ...common, ...source }).catch((error: unknown) => {
      const { exitCode, message } = failureOf(error);
      told.err += message;
      return exitCode;
    });
    return { code, ...told };
  }

  it("reads the repository and concludes the check with tokens of its installation", async () => {
    github.apps.install("123456", "acme/agents");
    const { code, out, err } = await once();
    expect([code, out]).toEqual([0, expect.stringContaining("applied")]);
    expect(github.state.checkRuns).toMatchObject([{ app: "countwheel", status: "completed", conclusion: "success" }]);
    expect(github.apps.tokens().filter((token) => (out + err).includes(token))).toEqual([]);
  });

  it("tells where the environment stands as a deployment, where countwheel.yaml says so", async () => {
    github.apps.install("123456", "acme/agents");
    const settings = "environments: {live: {github: {deployment: production, environment_url: 'https://a.test/'}}}\n";
    await writeFile(join(repository.folder, "countwheel.yaml"), settings);
    expect(await once({}, "live")).toMatchObject({ code: 0 });
    const [deployment] = github.state.deployments;
    expect(deployment).toMatchObject({ environment: "production", login: "countwheel[bot]" });
    expect(deployment?.statuses).toMatchObject([{ state: "success", environment_url: "https://a.test/" }]);
  });

  it("says that it is not installed, and applies nothing", async () => {
    const { code, out, err } = await once();
    expect([code === 0, out + err]).toEqual([false, expect.stringContaining("it is not installed on this repository")]);
    expect(github.state.checkRuns).toEqual([]);
  });

  it("is refused beside a token", async () => {
    const { code, err } = await once({ GITHUB_TOKEN: "canary" });
    expect([code, err]).toEqual([
      64,
      expect.stringContaining("GITHUB_TOKEN and COUNTWHEEL_GITHUB_APP_ID are both set"),
    ]);
    expect(github.requests).toEqual([]);
  });
});
