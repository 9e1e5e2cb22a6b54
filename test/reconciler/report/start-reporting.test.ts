// The report's own loop: plans open pull requests from their heads, tells applies when nudged, and outlives an outage.
import { describe, expect, it } from "vitest";
import { reportOnce, startReporting } from "../../../reconciler/report/start-reporting.ts";
import type { Redis } from "../../../store/connect.ts";
import { pushOutbox } from "../../../store/outbox.ts";
import { change, planOf } from "./builders.ts";
import { type PullRoom, withPullRooms } from "./pull-room.ts";

let redis: Redis;
let room: PullRoom;

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
});

describe("reporting", () => {
  it("plans the head of each open pull request into the branch, once", async () => {
    const head = await room.push(7, "extra");
    await room.push(8, "other", { baseRef: "release" });
    expect(await reportOnce(room.options())).toBeNull();
    expect(room.github.state.comments.map(({ pull }) => pull)).toEqual([7]);
    expect(room.github.state.comments[0]?.body).toContain("**Plan: 2 to create, 0 to update, 0 to move, 0 to prune.**");
    expect(room.github.state.checkRuns).toMatchObject([{ headSha: head, conclusion: "success" }]);
  });

  it("plans a pull request anew when its head moves, in the same comment", async () => {
    await room.push(7, "extra");
    const reporting = startReporting(room.options());
    await room.until("the first plan", () => room.github.state.comments.length === 1);
    const moved = await room.push(7, "another");
    reporting.nudge();
    await room.until("the second plan", () => room.github.state.checkRuns.some(({ headSha }) => headSha === moved));
    expect(room.github.state.comments).toHaveLength(1);
    room.stop.abort();
    await reporting.stopped;
  });

  it("tells an apply at once when nudged", async () => {
    const reporting = startReporting(room.options());
    const plan = planOf([change("create", "extra")]);
    await pushOutbox(redis, room.env, {
      kind: "applied",
      env: room.env,
      commit: "d".repeat(40),
      serial: 1,
      plan,
      tookMs: 10,
    });
    reporting.nudge();
    await room.until("the apply's check", () => room.github.state.checkRuns.length === 1);
    room.stop.abort();
    await reporting.stopped;
  });

  it("answers what kept it, leaves the entry, and tells it the next time", async () => {
    await room.push(7, "extra");
    room.github.fail({ method: "POST", path: /check-runs/, times: 1, status: 500 });
    expect(await reportOnce(room.options())).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    expect(await reportOnce(room.options())).toBeNull();
    expect(room.github.state.comments).toHaveLength(1);
    expect(room.github.state.checkRuns).toHaveLength(1);
  });

  it("says which pull request cannot be read and goes on with the others", async () => {
    room.github.state.addPull({ number: 6, headSha: "c".repeat(40) });
    await room.push(7, "extra");
    expect(await reportOnce(room.options())).toBeNull();
    expect(room.said).toEqual([expect.stringMatching(/^#6 is not planned: /)]);
    expect(room.github.state.comments.map(({ pull, body }) => [pull, body.includes("could not be planned")])).toEqual([
      [6, true],
      [7, false],
    ]);
  });
});
