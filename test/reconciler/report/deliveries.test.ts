// GitHub's deliveries as they come on a bad day: half of them dropped, half doubled, all out of order, while people push. One
// poll later everything is as if each had come once.
import { createHmac } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { Bell } from "../../../reconciler/bell.ts";
import type { Hands } from "../../../reconciler/report/commands/carry-out.ts";
import { startReporting } from "../../../reconciler/report/start-reporting.ts";
import { type Listener, startListener } from "../../../reconciler/triggers/webhook-listener.ts";
import type { Redis } from "../../../store/connect.ts";
import { noteCommand } from "../../../store/page-commands.ts";
import { readHead } from "../../../store/state.ts";
import { type PullRoom, withPullRooms } from "./pull-room.ts";

const SECRET = "a secret of this test";
const PULLS = [1, 2, 3, 4];
const ROUNDS = 3;
const POLL_MS = 1_500;

let redis: Redis;
let room: PullRoom;
let listener: Listener | undefined;

withPullRooms((opened, connected) => {
  [room, redis] = [opened, connected];
});

afterEach(async () => {
  await listener?.stop();
});

/** Mulberry32: the same numbers for the same seed. */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Delivery {
  readonly id: string;
  readonly event: "push" | "pull_request" | "issue_comment";
}

/** What GitHub would send is put into `pending`; what comes of it is up to the dice. */
class BadDay {
  readonly #dice: () => number;
  readonly #pending: Delivery[] = [];
  #made = 0;
  dropped = 0;
  doubled = 0;

  constructor(seed: number) {
    this.#dice = diceOf(seed);
  }

  happened(event: Delivery["event"]): void {
    this.#made += 1;
    const delivery = { id: `delivery-${this.#made}`, event };
    const [isDropped, isDoubled] = [this.#dice() < 0.5, this.#dice() < 0.5];
    if (isDropped) this.dropped += 1;
    else this.#pending.push(delivery);
    if (isDropped || !isDoubled) return;
    this.doubled += 1;
    this.#pending.push(delivery);
  }

  /** Some of those that wait, in any order. */
  async deliverSome(): Promise<void> {
    while (this.#pending.length > 0 && this.#dice() < 0.6) await this.#deliverOne();
  }

  async deliverRest(): Promise<void> {
    while (this.#pending.length > 0) await this.#deliverOne();
  }

  async #deliverOne(): Promise<void> {
    const [next] = this.#pending.splice(Math.floor(this.#dice() * this.#pending.length), 1);
    if (next !== undefined) expect(await send(next)).toBe(202);
  }
}

async function send({ id, event }: Delivery): Promise<number> {
  const comment = { body: "/countwheel help" };
  const body = JSON.stringify({ action: "created", comment, repository: { full_name: "acme/agents" } });
  const answer = await fetch(`${listener?.url ?? ""}/webhook`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": id,
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
    },
  });
  await answer.text();
  return answer.status;
}

/** A reconciler as `reconcile --listen` puts it together. */
async function startReconciler(): Promise<{ readonly stopped: Promise<unknown> }> {
  const bell = new Bell();
  const helped: Hands = {
    lookAgain: () => bell.ring(),
    identityOf: ({ login }) => ({ kind: "github", name: login }),
    answerApproval: () => Promise.reject(new Error("nobody approves")),
    rollBack: () => Promise.reject(new Error("nobody rolls back")),
  };
  const reporting = startReporting(room.options({ intervalMs: POLL_MS, hands: helped }));
  const ring = (): void => {
    bell.ring();
    reporting.nudge();
  };
  listener = await startListener({
    host: "127.0.0.1",
    port: 0,
    secrets: [SECRET],
    onLook: ring,
    onCommand: () => void noteCommand(redis, room.env).then(ring),
  });
  return { stopped: Promise.all([reporting.stopped, room.loop(bell, POLL_MS)]) };
}

const commentsOn = (pull: number) =>
  room.github.state.comments.filter((comment) => comment.pull === pull && comment.login === "github-actions[bot]");

/** Every pull request's comment shows its head, against the state as it is, and the branch is applied. */
async function isSettled(heads: ReadonlyMap<number, string>, tip: string): Promise<boolean> {
  const head = await readHead(redis, room.env);
  if (head?.commit !== tip) return false;
  return [...heads].every(([pull, sha]) => {
    const [marker = ""] = (commentsOn(pull)[0]?.body ?? "").split("\n", 1);
    return (
      marker.includes(`head=${sha} `) && marker.includes(`serial=${head.serial} `) && marker.includes("state=open")
    );
  });
}

describe.each([1, 2, 3])("on a bad day (seed %i)", (seed) => {
  it("ends as on a good one, a poll interval later, with one comment and one check a pull request", async () => {
    room.github.state.permissions.set("ada", "write");
    const day = new BadDay(seed);
    const { stopped } = await startReconciler();
    const heads = new Map<number, string>();
    let tip = "";
    for (let round = 1; round <= ROUNDS; round += 1) {
      for (const pull of PULLS) {
        heads.set(pull, await room.push(pull, `p${pull}-${round}`));
        for (const event of ["push", "pull_request"] as const) day.happened(event);
        await day.deliverSome();
      }
      tip = await room.repository.commit({ "agents/notes.yaml": modelOf(`n${round}`) });
      day.happened("push");
      await day.deliverSome();
    }
    await room.until("comments to answer", () => PULLS.every((pull) => commentsOn(pull).length === 1));
    const said = room.github.state.addComment({ pull: 1, login: "ada", body: "/countwheel help" });
    day.happened("issue_comment");
    await day.deliverRest();
    await room.until("everything to be told", async () => (await isSettled(heads, tip)) && said.reactions.size > 0);
    room.stop.abort();
    await stopped;
    expect([day.dropped > 0, day.doubled > 0]).toEqual([true, true]);
    for (const [pull, sha] of heads) {
      expect(commentsOn(pull)).toHaveLength(1);
      const runs = room.github.state.checkRuns.filter(({ headSha }) => headSha === sha);
      expect(new Set(runs.map(({ name }) => name)).size).toBe(1);
      // A head that was planned against an older state has a run for that plan, too; never two for one plan.
      expect(new Set(runs.map(({ externalId }) => externalId)).size).toBe(runs.length);
      const shown = /plan=(\S+) /.exec(commentsOn(pull)[0]?.body ?? "")?.[1];
      expect(runs.at(-1)).toMatchObject({ status: "completed", externalId: expect.stringContaining(shown ?? "none") });
    }
    expect([...said.reactions]).toEqual(["github-actions[bot]: +1"]);
  });
});

function modelOf(name: string): string {
  return `kind: ModelEndpoint\nmetadata:\n  name: ${name}\nspec:\n  provider: mock\n  default_model: mock-1\n`;
}
