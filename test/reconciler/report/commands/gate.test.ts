// An environment that waits for a person before each apply: from the merge to the word, and to the apply that spends it.
import { beforeEach, describe, expect, it } from "vitest";
import { defaultSettings } from "../../../../contracts/environment.ts";
import type { Hands } from "../../../../reconciler/report/commands/carry-out.ts";
import { standingOf } from "../../../../reconciler/report/deployments/standing.ts";
import { reportOnce } from "../../../../reconciler/report/start-reporting.ts";
import type { Redis } from "../../../../store/connect.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { readHistory } from "../../../../store/history.ts";
import { noteClick } from "../../../../store/page-clicks.ts";
import { noteCommand } from "../../../../store/page-commands.ts";
import type { CheckRun, Comment } from "../../../github/state.ts";
import { type PullRoom, withPullRooms } from "../pull-room.ts";

const GATED = { ...defaultSettings("e"), gate: "person" } as const;

let redis: Redis;
let room: PullRoom;
let seconds: number;
let looks: number;

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
});
beforeEach(async () => {
  [seconds, looks] = [0, 0];
  const start = Date.now();
  room.github.state.clock = () => new Date(start + seconds * 1_000);
  room.github.state.permissions.set("ada", "write").set("grace", "read");
  expect((await room.tick()).outcome).toBe("applied");
});
const HANDS: Hands = {
  lookAgain: () => void (looks += 1),
  identityOf: ({ login, id }) => ({ kind: "github", name: login, id }),
  answerApproval: async () => ({ outcome: "refused", message: "nobody asks" }),
  rollBack: async () => ({ outcome: "refused", message: "nobody rolls back" }),
};

const tick = () => room.tick({ settings: GATED });

async function look(): Promise<void> {
  seconds += 1;
  const more = { hands: HANDS, buttons: true, settings: GATED, now: room.github.state.clock };
  expect(await reportOnce(room.options(more))).toBeNull();
  seconds += 1;
}

async function say(body: string, login = "ada"): Promise<readonly string[]> {
  const comment: Comment = room.github.state.addComment({ pull: 7, login, body });
  await look();
  return [...comment.reactions].map((text) => text.split(": ")[1] ?? "");
}

const page = (): string => room.github.state.comments.find(({ login }) => login.endsWith("[bot]"))?.body ?? "";

/** A pull request that is planned. */
async function opened(): Promise<void> {
  await room.push(7, "extra");
  await look();
}

describe("an environment with a gate", () => {
  it("waits after the merge until somebody says so, and applies exactly that, in their name, once", async () => {
    await opened();
    expect(page()).toContain("Merge, then release it with `/countwheel apply` here");
    expect(await say("/countwheel apply")).toEqual(["-1"]);
    expect(page()).toContain("nothing is applied before it is merged: say it again then");
    await room.merge(7);
    const held = await tick();
    expect(held).toMatchObject({ outcome: "held", hold: { why: "gate", changes: 1 } });
    expect(standingOf(held)).toMatchObject({ state: "queued", why: expect.stringContaining("for a person (gate)") });
    expect(await say("/countwheel apply", "grace")).toEqual(["-1"]);
    expect((await tick()).outcome).toBe("held");
    expect([await say("/countwheel apply"), looks]).toEqual([["+1"], 1]);
    expect((await tick()).outcome).toBe("applied");
    const [newest] = await readHistory(redis, room.env, 1);
    expect(newest?.facts["person"]).toBe("github:ada");
    expect(await redis.hlen(githubKeys(room.env).applyWords)).toBe(0);
    expect((await tick()).outcome).toBe("unchanged");
    await room.repository.commit({ "agents/extra.yaml": null });
    expect(await tick()).toMatchObject({ outcome: "held", hold: { why: "gate" } });
  });

  it("waits on where something else came in between", async () => {
    await opened();
    await room.merge(7);
    const model = "kind: ModelEndpoint\nmetadata: {name: other}\nspec: {provider: mock, default_model: mock-1}\n";
    await room.repository.commit({ "agents/other.yaml": model });
    expect(await say("/countwheel apply")).toEqual(["+1"]);
    expect(await tick()).toMatchObject({ outcome: "held", hold: { why: "gate", changes: 2 } });
  });

  it("is released by a button, too, and by a delivery that is sent again only once", async () => {
    await opened();
    const run = room.github.state.checkRuns.findLast(({ name }) => name.includes("/ plan")) as CheckRun;
    expect(run.actions.map(({ label }) => label)).toEqual(["Plan again", "Apply once merged"]);
    const press = async (): Promise<void> => {
      const about = { checkRun: run.id, externalId: run.externalId, head: run.headSha, button: "apply" };
      await noteClick(redis, room.env, { ...about, login: "ada", person: 7 }, room.github.state.clock().getTime());
      await noteCommand(redis, room.env);
      await look();
    };
    await press();
    expect((await room.merge(7)) !== "" && (await tick()).outcome).toBe("held");
    await press();
    expect((await tick()).outcome).toBe("applied");
    await press();
    expect(page()).toContain("this was pressed before: say `/countwheel apply`");
    expect(await redis.hlen(githubKeys(room.env).applyWords)).toBe(0);
  });
});
