// Drift in one issue: a real Redis that remembers it, a GitHub that fails, and people who close it or forge its marker.
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { countDrift, type DriftChange, type DriftReport } from "../../../../contracts/drift.ts";
import { noteDrift, reportDrift } from "../../../../reconciler/report/drift/report-drift.ts";
import { type DriftTold, tellDrift } from "../../../../reconciler/report/drift/tell-drift.ts";
import type { Redis } from "../../../../store/connect.ts";
import { acquireDriftLock } from "../../../../store/drift-note.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { readOutbox } from "../../../../store/outbox.ts";
import { type GithubServer, startGithub } from "../../../github/server.ts";
import type { Issue } from "../../../github/state.ts";
import { withRedis } from "../../../redis.ts";
import { change, connect, HEAD, TOKENS } from "../builders.ts";

let redis: Redis;
let github: GithubServer;
let env: string;

withRedis((opened) => {
  redis = opened;
});

beforeEach(async () => {
  env = `env-${randomUUID().slice(0, 8)}`;
  github = await startGithub({ ...TOKENS, "no-issues": { kind: "app", slug: "github-actions", issues: false } });
});

afterEach(async () => {
  await github.stop();
  expect(github.violations).toEqual([]);
});

function drifted(name: string, reason = "1 field is not what was applied"): DriftChange {
  return { ...change("update", name, { reason }), drift: { sort: "record", code: "RECORD_CHANGED" } };
}

function report(...items: readonly DriftChange[]): DriftReport {
  const source = { repo: ".", ref: "main", headSha: HEAD, treeSha: null, path: ".", dirty: false };
  const state = { lineage: "l", serial: 3 };
  return { formatVersion: "1", env, source, state, counts: countDrift(items), items, unknown: [] };
}

function tell(found: DriftReport, token: keyof typeof TOKENS | "no-issues" = "app-token"): Promise<DriftTold> {
  return tellDrift({ redis, env, github: connect(github.url, token as "app-token"), holder: randomUUID() }, found);
}

const issue = (): Issue | undefined => github.state.issues[0];
const forget = (): Promise<number> => redis.del(githubKeys(env).driftIssue);

describe("the issue on drift", () => {
  it("is opened, edited, closed by an edit and opened again, and is one", async () => {
    expect(await tell(report())).toEqual({ outcome: "told", number: null });
    expect(github.requests.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(await tell(report(drifted("a")))).toEqual({ outcome: "told", number: issue()?.number });
    expect(issue()).toMatchObject({ open: true, title: `Drift in ${env}: 1 resource is not as applied` });
    await tell(report(drifted("a"), drifted("b")));
    expect(issue()?.title).toBe(`Drift in ${env}: 2 resources are not as applied`);
    await tell(report());
    expect(issue()).toMatchObject({ open: false, title: `Drift in ${env}: gone` });
    await tell(report(drifted("a")));
    expect(issue()?.open).toBe(true);
    expect(github.state.issues).toHaveLength(1);
  });

  it("is left alone, for one request, where nothing moved", async () => {
    await tell(report(drifted("a")));
    const before = github.requests.length;
    await tell(report(drifted("a")));
    expect(github.requests.slice(before).map(({ method }) => method)).toEqual(["GET"]);
  });

  it("stays closed where a person closed it, until something else drifts", async () => {
    await tell(report(drifted("a")));
    Object.assign(issue() ?? {}, { open: false });
    await tell(report(drifted("a")));
    expect(issue()?.open).toBe(false);
    await tell(report(drifted("a"), drifted("b")));
    expect(issue()?.open).toBe(true);
  });

  it("is found again where an answer was lost, and where Redis has forgotten it", async () => {
    github.fail({ method: "POST", path: /issues$/, times: 1, status: 502, afterEffect: true });
    await expect(tell(report(drifted("a")))).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await tell(report(drifted("a")));
    await forget();
    await tell(report(drifted("a"), drifted("b")));
    expect(github.state.issues).toHaveLength(1);
  });

  it("is found behind more issues than a page holds, and beside pull requests", async () => {
    github.state.addPull({ number: 7, headSha: HEAD });
    for (let count = 0; count < 130; count += 1)
      github.state.addIssue({ login: "ada", byApp: false, title: "x", body: "me too" });
    await tell(report(drifted("a")));
    await forget();
    await tell(report(drifted("a")));
    expect(github.state.issues.filter(({ login }) => login === "github-actions[bot]")).toHaveLength(1);
  });

  it("is opened once by several that look at once", async () => {
    const told = await Promise.all([1, 2, 3].map(() => tell(report(drifted("a")))));
    expect(told.filter(({ outcome }) => outcome === "told").length).toBeGreaterThan(0);
    expect(github.state.issues).toHaveLength(1);
  });

  it.each([
    ["app-token", "github-actions[bot]"],
    ["personal-token", "ada"],
  ] as const)("is never an issue in which somebody else wrote our marker (%s)", async (token, login) => {
    const body = `<!-- countwheel:drift v=1 env=${env} serial=1 state=open -->\nmine`;
    const forged = github.state.addIssue({ login: "mallory", byApp: false, title: "x", body });
    for (let time = 0; time < 2; time += 1) await tell(report(drifted("a")), token);
    expect(forged).toMatchObject({ body, open: true });
    expect(github.state.issues.map((one) => one.login)).toEqual(["mallory", login]);
  });

  it("is one for each environment", async () => {
    await tell(report(drifted("a")));
    const first = env;
    env = `${first}-2`;
    await tell(report(drifted("a")));
    expect(github.state.issues.map(({ title }) => title.split(":")[0])).toEqual([
      `Drift in ${first}`,
      `Drift in ${env}`,
    ]);
  });

  it("keeps within GitHub's limits, and what it quotes inert", async () => {
    const hostile = "is `x` </details> @admin #1 <!-- countwheel:drift --> \u202e";
    await tell(report(...Array.from({ length: 3_000 }, (_, index) => drifted(`agent-${index}`, hostile))));
    expect(issue()?.title).toBe(`Drift in ${env}: 3000 resources are not as applied`);
    expect(issue()?.body).toContain("and 2900 more");
    const text = (issue()?.body ?? "").replaceAll(/(`+)(?!`)[^`]*?\1(?!`)/g, "");
    expect(text).not.toMatch(/@admin|#1|\u202e/);
    expect(text.match(/<!--/g)).toHaveLength(1);
  });
});

describe("the reconciler's report of drift", () => {
  it("goes to the outbox where it is news, and there alone", async () => {
    expect(await noteDrift(redis, report())).toBe(false);
    expect(await noteDrift(redis, report(drifted("a")))).toBe(true);
    await tell(report(drifted("a")));
    expect(await noteDrift(redis, report(drifted("a")))).toBe(false);
    expect(await noteDrift(redis, report())).toBe(true);
    expect((await readOutbox(redis, env, 10)).map(({ entry }) => entry.kind)).toEqual(["drift"]);
  });

  it("says once that the token may open no issues", async () => {
    const said: string[] = [];
    const telling = { redis, env, github: connect(github.url, "no-issues" as "app-token"), holder: "me" };
    await reportDrift({ ...telling, say: (line) => void said.push(line) }, report(drifted("a")));
    expect(said).toEqual([expect.stringContaining(`the drift of environment ${env} is not told in an issue: `)]);
    expect(await noteDrift(redis, report(drifted("a")))).toBe(false);
    expect(await noteDrift(redis, report(drifted("b")))).toBe(true);
  });

  it("comes later where somebody else tells of it", async () => {
    const answer = await acquireDriftLock(redis, env, { holder: "a job", ttlMs: 60_000 });
    expect(await tell(report(drifted("a")))).toEqual({ outcome: "busy", holder: "a job" });
    if (answer.outcome === "acquired") await answer.lock.release();
    expect(await tell(report(drifted("a")))).toMatchObject({ outcome: "told" });
  });
});
