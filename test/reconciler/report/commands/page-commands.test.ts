// Commands from pull requests, from a comment on GitHub to its effect: who may say them, what they are bound to, and that each
// is carried out once, whatever is sent, edited, deleted or forged.
import { beforeEach, describe, expect, it } from "vitest";
import type { Hands } from "../../../../reconciler/report/commands/carry-out.ts";
import { type ReportingOptions, reportOnce, startReporting } from "../../../../reconciler/report/start-reporting.ts";
import { readAuditLog } from "../../../../store/audit-log.ts";
import type { Redis } from "../../../../store/connect.ts";
import { githubKeys } from "../../../../store/github-keys.ts";
import { environmentKeys } from "../../../../store/keys.ts";
import { noteCommand } from "../../../../store/page-commands.ts";
import { readHead } from "../../../../store/state.ts";
import type { Comment } from "../../../github/state.ts";
import { type PullRoom, withPullRooms } from "../pull-room.ts";

const NAMES = ["m1", "m2", "m3", "m4", "m5"];
const modelOf = (name: string): string =>
  `kind: ModelEndpoint\nmetadata:\n  name: ${name}\nspec:\n  provider: mock\n  default_model: mock-1\n`;
const MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, modelOf(name)]));
const NO_MODELS = Object.fromEntries(NAMES.map((name) => [`agents/${name}.yaml`, null]));

let redis: Redis;
let room: PullRoom;
/** GitHub's clock and ours, in seconds from now. */
let seconds: number;
let looks: number;
let asked: unknown[];

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
}, MODELS);

beforeEach(async () => {
  [seconds, looks, asked] = [0, 0, []];
  const start = Date.now();
  room.github.state.clock = () => new Date(start + seconds * 1_000);
  room.github.state.permissions.set("ada", "write").set("root", "admin").set("grace", "read");
});

function hands(): Hands {
  return {
    lookAgain: () => void (looks += 1),
    identityOf: ({ login, id }) => ({ kind: "github", name: login, id }),
    answerApproval: async (answer) => {
      asked.push(answer);
      return answer.mayWrite ? { outcome: "done", message: "answered" } : { outcome: "refused", message: "not you" };
    },
    rollBack: async (serial, by) => {
      asked.push({ serial, by });
      return { outcome: "done", message: `back to #${serial}` };
    },
  };
}

/** A look of the report, a second after whatever was before. */
async function look(more: Partial<ReportingOptions> = {}): Promise<void> {
  seconds += 1;
  expect(await reportOnce(room.options({ hands: hands(), now: room.github.state.clock, ...more }))).toBeNull();
  seconds += 1;
}

function say(body: string, more: Partial<Comment> = {}): Comment {
  return room.github.state.addComment({ pull: 7, login: "ada", body, ...more });
}

const sticky = (): string =>
  room.github.state.comments.find(({ login }) => login === "github-actions[bot]")?.body ?? "";
const reactions = ({ reactions: given }: Comment): string[] => [...given].map((text) => text.split(": ")[1] ?? "");

async function entries(): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const { kind, by, command, outcome } of readAuditLog(redis, room.env))
    if (kind === "command") found.push({ by, command, outcome });
  return found;
}

/** A state of six records, and a pull request that prunes five of them. */
async function openPruning(): Promise<string> {
  expect((await room.tick()).outcome).toBe("applied");
  const head = await room.pushFiles(7, NO_MODELS);
  await look();
  expect(sticky()).toContain("waits for a confirmation");
  return head;
}

describe("confirm", () => {
  it("lets the apply after the merge go on without a wait, in the name of whoever said it, once", async () => {
    await openPruning();
    const comment = say("/countwheel confirm 5");
    await look();
    expect(reactions(comment)).toEqual(["+1"]);
    expect(sticky()).toContain("- ✅ `github:ada` `/countwheel confirm 5`: exactly these 5 prunes are confirmed");
    expect(await entries()).toEqual([{ by: "github:ada", command: "/countwheel confirm 5", outcome: "done" }]);
    await room.merge(7);
    expect(await room.tick()).toMatchObject({ outcome: "applied", plan: { counts: { prune: 5 } } });
    const [newest] = await redis.xrevrange(environmentKeys(room.env).history, "+", "-", "COUNT", 1);
    expect(JSON.stringify(newest)).toContain("github:ada");
    // The same records come and go again: the word is spent.
    await room.repository.commit(MODELS);
    expect((await room.tick()).outcome).toBe("applied");
    await room.repository.commit(NO_MODELS);
    expect(await room.tick()).toMatchObject({ outcome: "held", hold: { why: "confirm" } });
  });

  it("holds for exactly the records that were seen: another prune in between waits", async () => {
    await openPruning();
    say("/countwheel confirm 5");
    await look();
    await room.repository.commit({ "agents/m1.yaml": modelOf("m1").replace("mock-1", "mock-2") });
    expect((await room.tick()).outcome).toBe("applied");
    await room.repository.commit(NO_MODELS);
    expect(await room.tick()).toMatchObject({ outcome: "held", hold: { why: "confirm" } });
  });

  it("is taken on the merged pull request as well, and wakes the loop", async () => {
    await openPruning();
    await room.merge(7);
    expect(await room.tick()).toMatchObject({ outcome: "held" });
    const comment = say("/countwheel confirm 5");
    await look();
    expect([reactions(comment), looks]).toEqual([["+1"], 1]);
    expect((await room.tick()).outcome).toBe("applied");
  });

  it("is refused where the number is another, the plan waits for none, or something moved since", async () => {
    await openPruning();
    const early = say("/countwheel confirm 4");
    await look();
    expect(reactions(early)).toEqual(["-1"]);
    expect(sticky()).toContain("the plan prunes 5, not 4");
    // Written while the old plan stood there, read once the new one does.
    await room.pushFiles(7, { ...NO_MODELS, "agents/m1.yaml": modelOf("m1") });
    const stale = say("/countwheel confirm 5");
    await look();
    expect(reactions(stale)).toEqual(["-1"]);
    expect(sticky()).toContain("another plan stood here when this was written");
    const moved = say("/countwheel confirm 4");
    const head = await room.repository.git("rev-parse", "change-7");
    room.github.state.addPull({ number: 7, headSha: "d".repeat(40) });
    await look({ readSource: async () => ({ status: "unavailable", reason: { code: "READ_FAILED", message: "x" } }) });
    expect(reactions(moved)).toEqual(["-1"]);
    expect(sticky()).toContain(`the head moved from \`${head.slice(0, 7)}\` to \`ddddddd\``);
    expect(await redis.hlen(githubKeys(room.env).pruneWords)).toBe(0);
  });
});

describe("apply, plan, rollback and help", () => {
  it("apply nothing before the merge, and wake the loop after it", async () => {
    await room.tick();
    await room.push(7, "extra");
    await look();
    const early = say("/countwheel apply");
    await look();
    expect([reactions(early), looks]).toEqual([["-1"], 0]);
    expect(sticky()).toContain("nothing is applied before it is merged");
    await room.merge(7);
    const late = say("/countwheel apply", { login: "root" });
    await look();
    expect([reactions(late), looks]).toEqual([["+1"], 1]);
    expect(sticky()).toContain("`github:root` `/countwheel apply`: the branch is looked at now");
  });

  it("plan again, roll back in somebody's name, and tell how they are written", async () => {
    await room.tick();
    await room.push(7, "extra");
    await look();
    for (const body of ["/countwheel plan", "/countwheel rollback 1", "/countwheel help"]) {
      const comment = say(body);
      await look();
      expect(reactions(comment), body).toEqual(["+1"]);
    }
    expect(asked).toMatchObject([{ serial: 1, by: { kind: "github", name: "ada" } }]);
    expect(sticky()).toContain("`/countwheel deny ID [reason]`");
    expect(room.github.state.comments.filter(({ login }) => login.endsWith("[bot]"))).toHaveLength(1);
  });

  it("answer approvals as the user of GitHub, and let the policy judge outsiders", async () => {
    await room.tick();
    await room.push(7, "extra");
    await look();
    say("/countwheel approve task-1.0123456789");
    const outsider = say("/countwheel deny task-1.0123456789 never", { login: "grace" });
    await look();
    const by = (name: string) => ({ kind: "github", name, id: room.github.state.idOf(name) });
    expect(asked).toEqual([
      { approval: "task-1.0123456789", said: "approved", by: by("ada"), reason: null, mayWrite: true },
      { approval: "task-1.0123456789", said: "denied", by: by("grace"), reason: "never", mayWrite: false },
    ]);
    expect(reactions(outsider)).toEqual(["-1"]);
    expect(sticky()).not.toContain("grace");
  });
});

describe("hostile comments", () => {
  it("do nothing: quoted, fenced, by bots, edited, deleted, old, on other pull requests, for other environments", async () => {
    await openPruning();
    const comments = [
      say("> /countwheel confirm 5"),
      say("```\n/countwheel confirm 5\n```"),
      say("/countwheelx confirm 5"),
      say("/countwheel confirm 5", { login: "github-actions[bot]" }),
      say("/countwheel confirm 5", { login: "dependabot[bot]" }),
      say("/countwheel confirm 5", { updatedAt: "2099-01-01T00:00:00Z" }),
      say("/countwheel confirm 5", { createdAt: "2020-01-01T00:00:00Z", updatedAt: "2020-01-01T00:00:00Z" }),
      say("/countwheel confirm 5", { pull: 404 }),
      say("/countwheel --env elsewhere confirm 5"),
    ];
    const deleted = say("/countwheel confirm 5");
    room.github.state.comments.splice(room.github.state.comments.indexOf(deleted), 1);
    await look();
    expect(comments.flatMap(reactions)).toEqual([]);
    expect(await entries()).toEqual([]);
    expect(await redis.hlen(githubKeys(room.env).pruneWords)).toBe(0);
  });

  it("of outsiders get a reaction, an entry in the audit log, and no line on the page", async () => {
    await openPruning();
    const comments = ["confirm 5", "apply", "plan", "rollback 1", "help"].map((text) =>
      say(`/countwheel ${text}`, { login: "grace" }),
    );
    comments.push(say("/countwheel nonsense @root", { login: "mallory" }));
    await look();
    expect(comments.map(reactions)).toEqual([["-1"], ["-1"], ["-1"], ["-1"], ["-1"], ["confused"]]);
    expect(sticky()).not.toContain("**Commands**");
    expect(await entries()).toHaveLength(6);
    expect([asked, looks]).toEqual([[], 0]);
    expect((await readHead(redis, room.env))?.serial).toBe(1);
  });

  it("are asked about live: who lost the right an hour ago has lost it", async () => {
    await openPruning();
    room.github.state.permissions.set("ada", "read");
    const comment = say("/countwheel confirm 5");
    await look();
    expect(reactions(comment)).toEqual(["-1"]);
  });

  it("come out inert where they are quoted", async () => {
    await openPruning();
    const comment = say("/countwheel <img src=x> @root #1 `x` --> | [a](http://b)");
    await look();
    expect(reactions(comment)).toEqual(["confused"]);
    const section = sticky()
      .slice(sticky().indexOf("**Commands**"))
      .replaceAll(/(`+)(?!`)[^]*?[^`]\1(?!`)/g, "");
    expect(section).not.toMatch(/<img|@root|http:/);
    expect(section.match(/-->/g)).toHaveLength(1);
  });
});

describe("a command", () => {
  it("is carried out once, however often it is read, and whoever died on the way", async () => {
    await openPruning();
    const comment = say("/countwheel rollback 1");
    room.github.fail({ method: "POST", path: /reactions/, times: 1, status: 502 });
    seconds += 1;
    const failed = await reportOnce(room.options({ hands: hands(), now: room.github.state.clock }));
    expect(failed).toMatchObject({ code: "GITHUB_UNAVAILABLE" });
    for (let time = 0; time < 3; time += 1) await look();
    expect(reactions(comment)).toEqual(["+1"]);
    // Its effect came before the answer that failed, and once more with the answer: a rollback to where it is changes nothing.
    expect(asked).toHaveLength(2);
    expect(await entries()).toHaveLength(1);
    expect(sticky().match(/rollback 1/g)).toHaveLength(1);
  });

  it("does not keep others back where its comment cannot be answered", async () => {
    await openPruning();
    room.github.fail({ method: "POST", path: /reactions/, times: 1, status: 404 });
    say("/countwheel help");
    const next = say("/countwheel help");
    await look();
    expect(reactions(next)).toEqual(["+1"]);
    expect(room.said).toEqual([expect.stringContaining("a command was not answered on GitHub")]);
  });

  it("is heard although another conversation is locked", async () => {
    await openPruning();
    await room.push(8, "extra");
    room.github.fail({ method: "POST", path: /issues\/8\/comments/, times: 100, status: 403 });
    const comment = say("/countwheel confirm 5");
    seconds += 1;
    const failed = await reportOnce(room.options({ hands: hands(), now: room.github.state.clock }));
    expect(failed).toMatchObject({ code: "GITHUB_FORBIDDEN" });
    expect(reactions(comment)).toEqual(["+1"]);
  });

  it("is not heard where the token may read no comments, which is said once and keeps no report back", async () => {
    await room.tick();
    await room.push(7, "extra");
    room.github.fail({ method: "GET", path: /issues\/comments$/, times: 100, status: 403 });
    const reporting = startReporting(room.options({ hands: hands(), intervalMs: 10 }));
    await room.until("the plan", () => sticky().includes("state=open"));
    const looked = room.github.requests.length;
    await room.until("more looks", () => room.github.requests.length > looked + 6);
    room.stop.abort();
    await reporting.stopped;
    expect(room.said).toEqual([expect.stringContaining("commands on pull requests are not heard: ")]);
  });

  it("costs a push nothing: comments are listed at a poll, and where a webhook told of one", async () => {
    await openPruning();
    const listed = (): number => room.github.requests.filter(({ path }) => path.endsWith("/issues/comments")).length;
    const reporting = startReporting(room.options({ hands: hands(), now: room.github.state.clock }));
    await room.until("the first look", () => listed() === 2);
    await room.push(8, "extra");
    reporting.nudge();
    await room.until("its plan", () => room.github.state.comments.length === 2);
    expect(listed()).toBe(2);
    seconds += 1;
    const comment = say("/countwheel help");
    await noteCommand(redis, room.env);
    reporting.nudge();
    await room.until("its answer", () => comment.reactions.size === 1);
    room.stop.abort();
    await reporting.stopped;
    expect(listed()).toBe(3);
  });
});
