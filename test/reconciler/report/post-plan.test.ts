// A plan on GitHub: one comment that is edited, one check that concludes, whoever else writes there.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Plan } from "../../../contracts/plan.ts";
import { connectGithub } from "../../../reconciler/report/github.ts";
import { postPlan } from "../../../reconciler/report/post-plan.ts";
import { type GithubServer, startGithub } from "../../github/server.ts";
import { BASE, change, connect, HEAD, NOW, planOf, problem, TOKENS } from "./builders.ts";

let github: GithubServer;

beforeEach(async () => {
  github = await startGithub(TOKENS);
  github.state.addPull({ number: 7, headSha: HEAD });
});

afterEach(async () => {
  await github.stop();
  expect(github.violations).toEqual([]);
});

function post(plan: Plan, token: keyof typeof TOKENS = "app-token") {
  return postPlan(connect(github.url, token), { plan, pullRequest: 7, head: HEAD, base: BASE, now: NOW });
}

async function conclude(plan: Plan): Promise<unknown> {
  await post(plan);
  return github.state.checkRuns.at(-1)?.conclusion;
}

describe("the sticky comment", () => {
  it("is one comment after many plans, edited in place", async () => {
    for (const count of [1, 2, 3, 4]) {
      await post(planOf(Array.from({ length: count }, (_, index) => change("create", `agent-${index}`))));
    }
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.comments[0]?.body).toMatch(/^<!-- countwheel:plan v=1 env=production .* state=open -->\n/);
    expect(github.state.comments[0]?.body).toContain("**Plan: 4 to create, 0 to update, 0 to move, 0 to prune.**");
  });

  it("is left alone where nothing changed", async () => {
    const plan = planOf([change("create", "refunds")]);
    await post(plan);
    expect((await post(plan)).comment?.outcome).toBe("unchanged");
  });

  it("is one for each environment", async () => {
    await post(planOf([]));
    await post(planOf([], { state: { env: "staging", lineage: "", serial: 0, touched: [] } }));
    expect(github.state.comments).toHaveLength(2);
  });

  it("is found behind more comments than a page holds", async () => {
    for (let index = 0; index < 230; index += 1) github.state.addComment({ pull: 7, login: "ada", body: "me too" });
    await post(planOf([change("create", "one")]));
    await post(planOf([change("create", "two")]));
    expect(github.state.comments.filter(({ login }) => login === "github-actions[bot]")).toHaveLength(1);
  });

  it("is never a comment in which somebody else wrote our marker", async () => {
    const forged = github.state.addComment({
      pull: 7,
      login: "mallory",
      body: "<!-- countwheel:plan v=1 env=production x -->",
    });
    await post(planOf([]));
    expect(forged.body).toBe("<!-- countwheel:plan v=1 env=production x -->");
    expect(github.state.comments.map(({ login }) => login)).toEqual(["mallory", "github-actions[bot]"]);
  });

  it("is found again when GitHub's answer to its creation was lost", async () => {
    github.fail({ method: "POST", path: /comments$/, times: 1, status: 502, afterEffect: true });
    const plan = planOf([change("create", "refunds")]);
    await expect(post(plan)).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    expect((await post(plan)).comment?.outcome).toBe("unchanged");
    expect(github.state.comments).toHaveLength(1);
    expect(github.state.checkRuns).toHaveLength(1);
  });

  it("links files of the pull request's head", async () => {
    await post(planOf([change("create", "refunds")]));
    expect(github.state.comments[0]?.body).toContain(`/acme/agents/blob/${HEAD}/agents/refunds.yaml#L2)`);
  });
});

describe("the check run", () => {
  it("concludes by the verdict, also with nothing to do", async () => {
    expect(await conclude(planOf([]))).toBe("success");
    expect(await conclude(planOf([change("prune", "old")]))).toBe("success");
    const blocked = { code: "PREVENT_PRUNE", message: "`prevent-prune` is set in the state" };
    expect(await conclude(planOf([change("prune", "ledger", { blocked })]))).toBe("action_required");
    expect(await conclude(planOf([], { problems: [problem("SYNTAX")], applyable: false }))).toBe("failure");
    expect(github.state.checkRuns.every(({ status }) => status === "completed")).toBe(true);
  });

  it("stands on the pull request's head and bears the counts, the whole plan and its digest", async () => {
    const plan = planOf([change("create", "refunds"), change("prune", "legacy")]);
    await post(plan);
    const [run] = github.state.checkRuns;
    expect(run).toMatchObject({
      headSha: HEAD,
      name: "countwheel / plan (production)",
      externalId: `countwheel:plan:production:${plan.digest}`,
      title: "Plan: 1 to create, 0 to update, 0 to move, 1 to prune.",
    });
    expect(run?.summary).toContain("`Agent/legacy`, was `agents/legacy.yaml:2`");
    expect(run?.text).toContain("+ Agent/refunds");
  });

  it("is named `countwheel / plan` for the default environment", async () => {
    await post(planOf([], { state: { env: "default", lineage: "", serial: 0, touched: [] } }));
    expect(github.state.checkRuns[0]?.name).toBe("countwheel / plan");
  });

  it("gets its annotations in portions of 50, each once, and concludes with the last", async () => {
    const plan = planOf(Array.from({ length: 120 }, (_, index) => change("create", `agent-${index}`)));
    await post(plan);
    const [run] = github.state.checkRuns;
    expect(run?.annotations.map(({ title }) => title)).toEqual(
      plan.changes.map(({ name }) => `Agent/${name} will be created`),
    );
    const writes = github.writes().filter(({ path }) => path.includes("check-runs"));
    expect(writes.map(({ body }) => (body as { conclusion?: string }).conclusion)).toEqual([
      undefined,
      undefined,
      "success",
    ]);
  });

  it("goes on after a cut where GitHub's count of annotations stands", async () => {
    const plan = planOf(Array.from({ length: 120 }, (_, index) => change("create", `agent-${index}`)));
    github.fail({ method: "PATCH", path: /check-runs/, times: 1, status: 502, afterEffect: true });
    await expect(post(plan)).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await post(plan);
    expect(github.state.checkRuns).toHaveLength(1);
    expect(github.state.checkRuns[0]?.annotations).toHaveLength(120);
    expect(github.state.checkRuns[0]?.conclusion).toBe("success");
  });

  it("is a new one for a new plan of the same head: annotations cannot be taken back", async () => {
    await post(planOf([change("create", "one")]));
    await post(planOf([change("create", "two")]));
    expect(github.state.checkRuns.map(({ annotations }) => annotations.length)).toEqual([1, 1]);
  });

  it("is never that of another App", async () => {
    const plan = planOf([change("create", "one")]);
    await post(plan, "other-app-token");
    await post(plan);
    await post(plan);
    expect(github.state.checkRuns.map(({ app, conclusion }) => [app, conclusion])).toEqual([
      ["another-bot", "success"],
      ["github-actions", "success"],
    ]);
  });
});

describe("a change to what judges the others", () => {
  it("is shown as privileged in comment and check, also where the plan is too long for its rows", async () => {
    const changes = [
      ...Array.from({ length: 3_000 }, (_, index) => change("create", `agent-${index}`)),
      change("update", "careful", { kind: "AgentPolicy" }),
      change("create", "reader", { kind: "AgentRole" }),
      change("move", "mail", { kind: "ToolPermission" }),
      change("prune", "caps", { kind: "AgentPolicy" }),
    ];
    await post(planOf(changes));
    for (const text of [
      "`AgentPolicy/careful` changes: it decides what agents may do",
      "`AgentRole/reader` is new: it decides what agents may do",
      "`ToolPermission/mail` moves: it decides what agents may do",
    ]) {
      expect(github.state.comments[0]?.body).toContain(`> **Privileged** ${text}`);
      expect(github.state.checkRuns[0]?.summary).toContain(`- ${text}`);
    }
    expect(github.state.comments[0]?.body).toContain("> **Prunes** `AgentPolicy/caps` (**privileged**), was");
    expect(github.state.comments[0]?.body.match(/\*\*Privileged\*\*/g)).toHaveLength(3);
  });
});

describe("with a personal token", () => {
  it("sets a commit status instead of a check, and comments in its own name", async () => {
    const { check } = await post(planOf([change("create", "refunds")]), "personal-token");
    expect(check).toEqual({ via: "status" });
    expect(github.state.statuses).toEqual([
      {
        sha: HEAD,
        login: "ada",
        state: "success",
        context: "countwheel / plan (production)",
        description: "Plan: 1 to create, 0 to update, 0 to move, 0 to prune.",
      },
    ]);
    expect(github.state.comments.map(({ login }) => login)).toEqual(["ada"]);
  });
});

describe("failures", () => {
  it("are told apart by what to do next", async () => {
    const plan = planOf([]);
    await expect(post(plan, "unknown" as "app-token")).rejects.toMatchObject({ code: "GITHUB_AUTH" });
    await expect(post(plan, "read-token")).rejects.toMatchObject({ code: "GITHUB_FORBIDDEN" });
    github.fail({ method: "GET", path: /check-runs/, times: 1, status: 404 });
    await expect(post(plan)).rejects.toMatchObject({ name: "PermanentFailure", code: "GITHUB_NOT_FOUND" });
    github.fail({ method: "GET", path: /check-runs/, times: 1, status: 403, headers: { "retry-after": "30" } });
    await expect(post(plan)).rejects.toMatchObject({ code: "GITHUB_UNAVAILABLE", retryAfterMs: 30_000 });
    github.fail({
      method: "GET",
      path: /check-runs/,
      times: 1,
      status: 403,
      message: "You have exceeded a secondary rate limit.",
    });
    await expect(post(plan)).rejects.toMatchObject({ name: "TransientFailure", retryAfterMs: 60_000 });
  });

  it("are transient where nobody answers", async () => {
    const gone = await startGithub(TOKENS);
    const api = connect(gone.url);
    await gone.stop();
    await expect(api.findViewer()).rejects.toMatchObject({ name: "TransientFailure", code: "GITHUB_UNAVAILABLE" });
  });
});

describe("a limit that lasts", () => {
  it("is not waited for, but answered with its time", async () => {
    const message = "You have exceeded a secondary rate limit.";
    const options = { apiUrl: github.url, token: "app-token", repository: { owner: "acme", name: "agents" } };
    const api = connectGithub({ ...options, pace: "github", waitForLimitMs: 1_000 });
    github.fail({
      method: "GET",
      path: /check-runs/,
      times: 9,
      status: 403,
      headers: { "retry-after": "120" },
      message,
    });
    await expect(api.listCheckRuns(HEAD, "x")).rejects.toMatchObject({
      code: "GITHUB_UNAVAILABLE",
      retryAfterMs: 120_000,
    });
    expect(github.requests).toHaveLength(1);
  });
});

describe("a plan of 5,000 changes", () => {
  it("stays within every limit and never drops counts, prunes and problems", async () => {
    const changes = [
      ...Array.from({ length: 4_990 }, (_, index) => change("create", `agent-${index}`)),
      ...Array.from({ length: 10 }, (_, index) => change("prune", `old-${index}`)),
    ];
    await post(planOf(changes, { problems: [problem("PLAINTEXT_SECRET", { severity: "warning" })] }));
    const [run] = github.state.checkRuns;
    const [comment] = github.state.comments;
    expect(Buffer.byteLength(comment?.body ?? "")).toBeLessThanOrEqual(65_536);
    expect(comment?.body).toContain("**Plan: 4990 to create, 0 to update, 0 to move, 10 to prune.**");
    for (const text of ["old-9", "PLAINTEXT_SECRET"]) {
      expect(comment?.body).toContain(text);
      expect(run?.summary).toContain(text);
    }
    expect(run?.annotations).toHaveLength(500);
    expect(run?.annotations[0]?.["title"]).toBe("Agent/old-0 will be pruned");
    expect(run?.summary).toContain("4501 of its lines bear no annotation");
    expect(run?.text.trimEnd().endsWith("```")).toBe(true);
  });
});
