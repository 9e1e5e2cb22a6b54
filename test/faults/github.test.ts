// Faults of GitHub: while it refuses, fails, limits or is away, the reconciler applies what reaches the branch; and once
// GitHub is back it is told of it exactly once.

import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { processLineageMemory } from "../../reconciler/apply/lineage-memory.ts";
import { type ReportingOptions, reportOnce } from "../../reconciler/report/start-reporting.ts";
import { type GithubServer, startGithub } from "../github/server.ts";
import { TOOL } from "../reconciler/plan/builders.ts";
import { TOKENS } from "../reconciler/report/builders.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { agent, type FaultWorld, makeTemplate, type Template } from "./world.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
}

const REFUSALS: (readonly [name: string, code: string, answer: Answer])[] = [
  ["401", "GITHUB_AUTH", { status: 401 }],
  ["403 for a right that is missing", "GITHUB_FORBIDDEN", { status: 403 }],
  ["404", "GITHUB_NOT_FOUND", { status: 404 }],
  ["410", "GITHUB_NOT_FOUND", { status: 410 }],
  ["422", "GITHUB_REJECTED", { status: 422 }],
  [
    "403 for the hourly limit",
    "GITHUB_UNAVAILABLE",
    { status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4000000000" } },
  ],
  [
    "403 for the secondary limit",
    "GITHUB_UNAVAILABLE",
    { status: 403, message: "You have exceeded a secondary rate limit" },
  ],
  ["429", "GITHUB_UNAVAILABLE", { status: 429, headers: { "retry-after": "3600" } }],
  ["500", "GITHUB_UNAVAILABLE", { status: 500 }],
  ["502", "GITHUB_UNAVAILABLE", { status: 502 }],
  ["503", "GITHUB_UNAVAILABLE", { status: 503 }],
];

/** Somebody else at GitHub's address. */
const STRANGERS: (readonly [name: string, code: string, listen: Parameters<typeof createServer>[1]])[] = [
  ["a connection that is cut", "GITHUB_UNAVAILABLE", (request) => void request.socket.destroy()],
  [
    "a page of HTML with 200",
    "GITHUB_UNAVAILABLE",
    (_request, response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>log in</html>"),
  ],
  [
    "JSON that is cut",
    "GITHUB_UNAVAILABLE",
    (_request, response) =>
      void response.writeHead(200, { "content-type": "application/json" }).end('[{"number": 7, "he'),
  ],
  [
    "JSON of another shape",
    "GITHUB_UNAVAILABLE",
    (_request, response) =>
      void response.writeHead(200, { "content-type": "application/json" }).end('{"hello": "world"}'),
  ],
  [
    "502 with a page of HTML",
    "GITHUB_UNAVAILABLE",
    (_request, response) =>
      void response.writeHead(502, { "content-type": "text/html" }).end("<html>bad gateway</html>"),
  ],
];

describeWithRedis("a fault of GitHub:", () => {
  let server: TestRedis;
  let template: Template;
  let world: FaultWorld;
  let github: GithubServer;
  beforeAll(async () => {
    [server, template] = await Promise.all([testRedis(), makeTemplate()]);
  });
  afterAll(() => Promise.all([server.stop(), template.remove()]));
  beforeEach(async () => {
    [world, github] = await Promise.all([template.open(server.url), startGithub(TOKENS)]);
    world.aim.reports = true;
  });
  afterEach(async () => {
    await Promise.all([world.close(), github.stop()]);
  });

  async function goesOnWhile(code: string, apiUrl: string): Promise<void> {
    expect((await world.look()).word).toBe("applied");
    expect(await reportOnce(options(apiUrl))).toMatchObject({ code });
    await world.push({ "agents/d.yaml": agent("d") });
    expect((await world.look()).word).toBe("applied");
    expect(Object.keys(await world.records())).toContain("Agent/default/d");
  }

  async function isToldOnce(): Promise<void> {
    expect(await reportOnce(options(github.url))).toBeNull();
    const told = github.state.checkRuns.map(({ headSha }) => headSha);
    expect(told.length).toBe(new Set(told).size);
    expect(told).toContain(await world.git("rev-parse", "HEAD"));
    const writes = github.writes().length;
    expect(await reportOnce(options(github.url))).toBeNull();
    expect(github.writes().length).toBe(writes);
  }

  it.each(REFUSALS)("%s → %s, and applies go on", async (_name, code, answer) => {
    for (const method of ["GET", "POST", "PATCH"]) github.fail({ method, path: /./, times: 100, ...answer });
    await goesOnWhile(code, github.url);
    github.heal();
    await isToldOnce();
  });

  it.each(STRANGERS)("%s → %s, and applies go on", async (_name, code, answer) => {
    const stranger = createServer({}, answer);
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    await goesOnWhile(code, urlOf(stranger));
    stranger.closeAllConnections();
    stranger.close();
    await isToldOnce();
  });

  it("a closed port → GITHUB_UNAVAILABLE, and applies go on", async () => {
    await goesOnWhile("GITHUB_UNAVAILABLE", "http://127.0.0.1:9");
    await isToldOnce();
  });

  it("answers that are lost after they took effect → told once all the same", async () => {
    await world.look();
    github.fail({ method: "POST", path: /check-runs/, times: 1, status: 502, afterEffect: true });
    expect(await reportOnce(options(github.url))).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await isToldOnce();
  });

  function options(apiUrl: string): ReportingOptions {
    return {
      redis: world.redis,
      env: world.env,
      lineages: processLineageMemory(),
      github: {
        apiUrl,
        token: "app-token",
        repository: { owner: "acme", name: "agents" },
        pace: "none",
        waitForLimitMs: 0,
      },
      branch: "main",
      readSource: () => Promise.reject(new Error("no pull request is open")),
      tool: TOOL,
      intervalMs: 60_000,
      announceAfterMs: 60_000,
      now: () => new Date("2026-11-01T12:00:00Z"),
      newId: randomUUID,
      say: () => undefined,
      signal: new AbortController().signal,
    };
  }
});

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
