// Buttons on the check of a plan, from a click to its effect: who may press them, what they are bound to, and how often they
// count.
import { beforeEach, describe, expect, it } from "vitest";
import type { Plan } from "../../../../contracts/plan.ts";
import { planButtons } from "../../../../reconciler/report/commands/buttons.ts";
import type { Hands } from "../../../../reconciler/report/commands/carry-out.ts";
import { reportOnce } from "../../../../reconciler/report/start-reporting.ts";
import { readAuditLog } from "../../../../store/audit-log.ts";
import type { Redis } from "../../../../store/connect.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { type Click, noteClick } from "../../../../store/page-clicks.ts";
import { noteCommand } from "../../../../store/page-commands.ts";
import type { CheckRun } from "../../../github/state.ts";
import { type PullRoom, withPullRooms } from "../pull-room.ts";

const NAMES = ["m1", "m2", "m3", "m4", "m5"];
const modelOf = (name: string): string =>
  `kind: ModelEndpoint\nmetadata:\n  name: ${name}\nspec:\n  provider: mock\n  default_model: mock-1\n`;
const MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, modelOf(name)]));
const NO_MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, null]));

let redis: Redis;
let room: PullRoom;
let seconds: number;

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
}, MODELS);
beforeEach(async () => {
  seconds = 0;
  const start = Date.now();
  room.github.state.clock = () => new Date(start + seconds * 1_000);
  room.github.state.permissions.set("ada", "write").set("grace", "read");
});
const HANDS: Hands = {
  lookAgain: () => undefined,
  identityOf: ({ login, id }) => ({ kind: "github", name: login, id }),
  answerApproval: async () => ({ outcome: "refused", message: "no button answers approvals" }),
  rollBack: async () => ({ outcome: "refused", message: "no button rolls back" }),
};

async function look(buttons = true): Promise<void> {
  seconds += 1;
  const more = { hands: HANDS, buttons, now: room.github.state.clock };
  expect(await reportOnce(room.options(more))).toBeNull();
}

const sticky = (): string => room.github.state.comments[0]?.body ?? "";
const words = (): Promise<number> => redis.hlen(githubKeys(room.env).pruneWords);

/** The check of the plan that stands there now. */
function planCheck(): CheckRun {
  const found = room.github.state.checkRuns.findLast(({ name }) => name.includes("/ plan"));
  if (found === undefined) throw new Error("no plan has a check");
  return found;
}

function labels(run: CheckRun): unknown[] {
  return run.actions.map(({ label }) => label);
}

function identifierOf(run: CheckRun, label: string): string {
  return String(run.actions.find((action) => action["label"] === label)?.["identifier"]);
}

/** As the webhook tells it; then a look. */
async function press(run: CheckRun, button: string, more: Partial<Click> = {}): Promise<void> {
  const about = { checkRun: run.id, externalId: run.externalId, head: run.headSha };
  const click = { ...about, button, login: "ada", person: 7, ...more };
  await noteClick(redis, room.env, click, room.github.state.clock().getTime());
  await noteCommand(redis, room.env);
  await look();
}

async function entries(): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { kind, by, command, outcome } of readAuditLog(redis, room.env))
    if (kind === "command") found.push({ by, command, outcome });
  return found;
}

async function openPruning(): Promise<CheckRun> {
  expect((await room.tick()).outcome).toBe("applied");
  await room.pushFiles(7, NO_MODELS);
  await look();
  return planCheck();
}

describe("the buttons of a plan's check", () => {
  it("are offered where somebody hears them, and a confirmation where one is waited for", async () => {
    await room.tick();
    await room.push(7, "extra");
    await look();
    expect(labels(planCheck())).toEqual(["Plan again"]);
    await room.pushFiles(7, NO_MODELS);
    await look();
    expect(labels(planCheck())).toEqual(["Plan again", "Confirm 5 prunes"]);
    await room.push(8, "another");
    await look(false);
    expect(labels(planCheck())).toEqual([]);
  });

  it.each([
    [1, ["Plan again", "Confirm 1 prune"]],
    [99_999, ["Plan again", "Confirm 99999 prunes"]],
    [100_000, ["Plan again"]],
  ])("stay within GitHub's bounds with %i prunes", (prunes, expected) => {
    const plan = { confirm: { prunes, because: "many" }, changes: [] } as unknown as Plan;
    expect(planButtons(plan).map(({ label }) => label)).toEqual(expected);
    const buttons = planButtons({ ...plan, changes: [{} as Plan["changes"][number]] }, true);
    expect(buttons.map(({ label }) => label)).toEqual([...expected, "Apply once merged"]);
    for (const { label, description, identifier } of buttons)
      expect([label.length <= 20, description.length <= 40, identifier.length <= 20]).toEqual([true, true, true]);
  });

  it("confirm exactly what was shown, in the name of whoever pressed, once", async () => {
    const run = await openPruning();
    const button = identifierOf(run, "Confirm 5 prunes");
    await press(run, button);
    expect(sticky()).toContain("- ✅ `github:ada` `button: confirm 5`: exactly these 5 prunes are confirmed");
    await room.merge(7);
    expect(await room.tick()).toMatchObject({ outcome: "applied", plan: { counts: { prune: 5 } } });
    // The same delivery, kept by somebody and sent again, after the word was spent.
    await press(run, button);
    const by = "github:ada";
    expect(await entries()).toEqual([
      { by, command: "button: confirm 5", outcome: "done" },
      { by, command: "button: confirm 5", outcome: "refused" },
    ]);
    expect([await words(), await redis.hlen(githubKeys(room.env).clicks)]).toEqual([0, 0]);
  });

  it("are refused to those who may not write, asked at that moment", async () => {
    const run = await openPruning();
    const button = identifierOf(run, "Confirm 5 prunes");
    await press(run, button, { login: "grace", person: 8 });
    room.github.state.permissions.set("ada", "read");
    await press(run, button);
    expect(await entries()).toEqual([
      { by: "github:grace", command: "button: confirm 5", outcome: "refused" },
      { by: "github:ada", command: "button: confirm 5", outcome: "refused" },
    ]);
    expect([await words(), sticky().includes("button: confirm")]).toEqual([0, false]);
    room.github.state.permissions.set("ada", "write");
    await press(run, button);
    expect(await words()).toBe(1);
  });

  it("do nothing for another plan than the one that stands there, or another button than it has", async () => {
    const old = await openPruning();
    const button = identifierOf(old, "Confirm 5 prunes");
    await press(old, "confirm:000000000000");
    expect(sticky()).toContain("this plan has no such button");
    await room.pushFiles(7, { ...NO_MODELS, "agents/m1.yaml": modelOf("m1") });
    await look();
    await press(old, button);
    expect(room.said.join()).toContain('a button of a plan that stands nowhere any more was pressed by "ada"');
    await press(planCheck(), button);
    expect(await words()).toBe(0);
  });

  it("are forgotten after an hour, and plan nothing that is merged", async () => {
    const run = await openPruning();
    const button = identifierOf(run, "Confirm 5 prunes");
    const click = { checkRun: run.id, externalId: run.externalId, head: run.headSha, button, login: "ada", person: 7 };
    await noteClick(redis, room.env, click, room.github.state.clock().getTime());
    seconds += 3_601;
    await noteCommand(redis, room.env);
    await look();
    expect([await entries(), await words(), await redis.hlen(githubKeys(room.env).clicks)]).toEqual([[], 0, 0]);
    await room.merge(7);
    await room.tick();
    await press(run, "plan");
    expect(sticky()).toContain("it is merged");
  });

  it("plan again, as often as somebody presses", async () => {
    await room.tick();
    await room.push(7, "extra");
    await look();
    for (let time = 0; time < 2; time += 1) await press(planCheck(), "plan");
    expect(await entries()).toHaveLength(2);
    expect(sticky()).toContain("- ✅ `github:ada` `button: plan`: planned again");
    expect(room.github.state.comments).toHaveLength(1);
  });
});
