// A new push to an open pull request: how many requests it costs, what the comment says until its plan is there, and what
// becomes of that where the plan fails or the process dies.
import { describe, expect, it } from "vitest";
import { reportOnce, startReporting } from "../../../../reconciler/report/start-reporting.ts";
import type { SourceAnswer } from "../../../../reconciler/source/source.ts";
import type { Redis } from "../../../../store/connect.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { environmentKeys } from "../../../../store/keys.ts";
import { type PullRoom, withPullRooms } from "../pull-room.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: more}\nspec: {provider: mock, default_model: mock-1}\n";

let redis: Redis;
let room: PullRoom;

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
});

const comment = (): string => room.github.state.comments[0]?.body ?? "";
const checkOf = (head: string) => room.github.state.checkRuns.filter(({ headSha }) => headSha === head);

/** Those made from here on. */
function requestsSince(): () => string[] {
  const from = room.github.requests.length;
  return () => room.github.requests.slice(from).map(({ method, path }) => `${method} ${path.replace(/\/\d+$/, "/N")}`);
}

/** A source that is not read until `open` is called. */
function gated(): { readonly readSource: ReturnType<PullRoom["options"]>["readSource"]; readonly open: () => void } {
  const { readSource } = room.options();
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { readSource: async (ref, signal) => (await opened, readSource(ref, signal)), open: () => open() };
}

describe("a push to an open pull request", () => {
  it("costs four requests at most, though GitHub tells of it twice", async () => {
    await room.push(7, "first");
    const reporting = startReporting(room.options());
    await room.until("the first plan", () => room.github.state.comments.length === 1);
    const requests = requestsSince();
    const head = await room.push(7, "second");
    reporting.nudge();
    await room.until("its check", () => checkOf(head).length === 1);
    reporting.nudge();
    await room.until("a second look", () => requests().filter((line) => line.endsWith("/pulls")).length === 2);
    room.stop.abort();
    await reporting.stopped;
    expect(requests()).toEqual([
      "GET /repos/acme/agents/pulls",
      "POST /repos/acme/agents/check-runs",
      "PATCH /repos/acme/agents/issues/comments/N",
      "GET /repos/acme/agents/pulls",
    ]);
    expect(comment()).toContain(`head=${head}`);
    expect(room.github.state.comments).toHaveLength(1);
  });

  it("is told as privileged where it edits countwheel.yaml, and not where the branch alone did", async () => {
    const edited = "**Privileged** `countwheel.yaml` is edited";
    const settings = (mode: string): string => `environments: {e: {history: ${mode}}}\n`;
    await room.repository.commit({ "countwheel.yaml": settings("hold") });
    await room.tick();
    await room.push(8, "beside");
    await room.pushFiles(7, { "countwheel.yaml": settings("allow") });
    expect(await reportOnce(room.options())).toBeNull();
    const bodies = (): string[] =>
      room.github.state.comments.toSorted((a, b) => a.pull - b.pull).map(({ body }) => body);
    expect(bodies().map((body) => body.includes(edited))).toEqual([true, false]);
    await room.repository.commit({ "countwheel.yaml": settings("block"), "agents/more.yaml": MODEL });
    expect((await room.tick()).outcome).toBe("applied");
    expect(await reportOnce(room.options())).toBeNull();
    expect(bodies().map((body) => body.includes(edited))).toEqual([true, false]);
  });

  it("costs no more with a personal token, which is refused checks once", async () => {
    const { github } = room.options();
    await room.push(7, "first");
    const reporting = startReporting(room.options({ github: { ...github, token: "personal-token" } }));
    await room.until("the first plan", () => room.github.state.comments.length === 1);
    const requests = requestsSince();
    await room.push(7, "second");
    reporting.nudge();
    await room.until("the second plan", () => requests().length === 3);
    room.stop.abort();
    await reporting.stopped;
    expect(requests().map((line) => line.split(" ")[0])).toEqual(["GET", "POST", "PATCH"]);
    expect(room.github.state.statuses).toHaveLength(2);
  });

  it("costs a look-up where nobody knows what an earlier life posted, and is one check and one comment", async () => {
    const head = await room.push(7, "first");
    room.github.fail({ method: "POST", path: /check-runs/, times: 1, status: 502, afterEffect: true });
    expect(await reportOnce(room.options())).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    await redis.del(githubKeys(room.env).pulls, githubKeys(room.env).checkedHeads);
    for (let life = 0; life < 2; life += 1) expect(await reportOnce(room.options())).toBeNull();
    expect(checkOf(head)).toHaveLength(1);
    expect(room.github.state.comments).toHaveLength(1);
  });

  it("writes its comment anew where somebody deleted it", async () => {
    await room.push(7, "first");
    await reportOnce(room.options());
    room.github.state.comments.length = 0;
    const head = await room.push(7, "second");
    await reportOnce(room.options());
    expect(comment()).toContain(`head=${head}`);
  });

  it("is announced where its plan takes its time, and then the plan replaces the word", async () => {
    const old = await room.push(7, "first");
    await reportOnce(room.options());
    const head = await room.push(7, "second");
    const { readSource, open } = gated();
    const told = reportOnce(room.options({ readSource, announceAfterMs: 0 }));
    await room.until("the announcement", () => comment().includes("state=stale"));
    expect(comment()).toMatch(new RegExp(`^<!-- countwheel:plan v=1 env=${room.env} head=${head} `));
    expect(comment()).toContain(`### ⏳ \`${head.slice(0, 7)}\` is being planned for \`${room.env}\``);
    expect(comment()).toMatch(new RegExp(`\\[The plan of \`${old.slice(0, 7)}\`\\]\\(\\S+\\) is superseded\\.`));
    open();
    expect(await told).toBeNull();
    expect(comment()).toMatch(/state=open -->\n### ⏳ Countwheel plan/);
    expect(room.github.state.comments).toHaveLength(1);
    expect(checkOf(head)).toMatchObject([{ status: "completed", conclusion: "success" }]);
  });

  it("is planned by the next life where the process dies after the announcement", async () => {
    await room.push(7, "first");
    await reportOnce(room.options());
    const head = await room.push(7, "second");
    const died = new AbortController();
    const readSource = (_ref: string, signal: AbortSignal) =>
      new Promise<SourceAnswer>((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const dying = reportOnce(room.options({ readSource, announceAfterMs: 0, signal: died.signal }));
    await room.until("the announcement", () => comment().includes("state=stale"));
    died.abort(new Error("killed"));
    await expect(dying).rejects.toThrow("killed");
    expect(await reportOnce(room.options())).toBeNull();
    expect(comment()).toContain(`head=${head}`);
    expect(comment()).toContain("state=open");
    expect(checkOf(head)).toHaveLength(1);
  });

  it("leaves no announcement behind where it was closed before its plan", async () => {
    await room.push(7, "first");
    await reportOnce(room.options());
    const head = await room.push(7, "second");
    const { readSource, open } = gated();
    const unreachable = async (ref: string, signal: AbortSignal): Promise<SourceAnswer> => {
      await readSource(ref, signal);
      return { status: "unavailable", reason: { code: "REPOSITORY_UNREACHABLE", message: "away" } };
    };
    const told = reportOnce(room.options({ readSource: unreachable, announceAfterMs: 0 }));
    await room.until("the announcement", () => comment().includes("state=stale"));
    open();
    await told;
    room.github.state.addPull({ number: 7, headSha: head, mergedAt: "2026-11-22T14:00:00Z" });
    await reportOnce(room.options());
    expect(comment()).toContain(`### Closed before \`${head.slice(0, 7)}\` was planned`);
    const requests = requestsSince();
    await reportOnce(room.options());
    expect(requests()).toEqual(["GET /repos/acme/agents/pulls"]);
  });

  it("concludes with the reason where only another head can mend it, told once", async () => {
    const gone = async (): Promise<SourceAnswer> => ({
      status: "unavailable",
      reason: { code: "PATH_NOT_FOUND", message: "there is no `agents` </details> @admin" },
    });
    const head = await room.push(7, "first");
    const reporting = startReporting(room.options({ readSource: gone, intervalMs: 10 }));
    await room.until("the conclusion", () => room.github.state.comments.length === 1);
    const looks = room.github.requests.length;
    await room.until("more looks", () => room.github.requests.length > looks + 3);
    room.stop.abort();
    await reporting.stopped;
    expect(checkOf(head)).toMatchObject([{ conclusion: "failure", title: "Not planned: PATH_NOT_FOUND" }]);
    expect(comment()).toContain(`### ❌ \`${head.slice(0, 7)}\` could not be planned`);
    expect(comment()).toContain("**PATH_NOT_FOUND** there is no `agents` &lt;/details&gt; `@admin`");
    expect(room.github.writes()).toHaveLength(2);
  });

  it("concludes where the state cannot be read, and is planned once it can", async () => {
    const head = await room.push(7, "first");
    const { holds } = environmentKeys(room.env);
    await redis.hset(holds, "environment", "no suspension");
    for (let look = 0; look < 2; look += 1)
      expect(await reportOnce(room.options())).toMatchObject({ code: "STATE_CORRUPT" });
    expect(checkOf(head)).toMatchObject([{ conclusion: "failure", title: "Not planned: STATE_CORRUPT" }]);
    expect(comment()).toContain("could not be planned");
    await redis.del(holds);
    expect(await reportOnce(room.options())).toBeNull();
    expect(comment()).toContain("**Plan: 2 to create");
    expect(checkOf(head).at(-1)).toMatchObject({ conclusion: "success" });
  });
});
