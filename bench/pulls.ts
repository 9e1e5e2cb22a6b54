// From a webhook to the comment, with heads pushed to twenty pull requests at once: a GitHub that answers at once, and no
// pauses between writes, which are GitHub's own. Beside it how many requests a push takes.
import { createHmac } from "node:crypto";
import { Bell } from "../reconciler/bell.ts";
import { startReporting } from "../reconciler/report/start-reporting.ts";
import { startListener } from "../reconciler/triggers/webhook-listener.ts";
import { closeRedis, connectRedis } from "../store/connect.ts";
import { openPullRoom, type PullRoom } from "../test/reconciler/report/pull-room.ts";
import { testRedis } from "../test/redis.ts";
import { median, printFigure } from "./measure.ts";

const PULLS = 20;
const ROUNDS = 6;
const SECRET = "a secret of this benchmark";
const FILES = Object.fromEntries(
  Array.from({ length: 200 }, (_, index) => [`agents/more/${index}.yaml`, modelOf(`more-${index}`)]),
);

const server = await testRedis();
const redis = connectRedis(server.url, "command");
const room = await openPullRoom(redis, FILES);
const bell = new Bell();
const reporting = startReporting(room.options({ announceAfterMs: 2_000 }));
const looping = room.loop(bell, 60_000);
const listener = await startListener({
  host: "127.0.0.1",
  port: 0,
  secrets: [SECRET],
  onLook: () => {
    bell.ring();
    reporting.nudge();
  },
  onCommand: () => undefined,
});
try {
  // The first round opens the pull requests, and makes their comments.
  await pushAll("first");
  const before = room.github.requests.length;
  const times: number[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) times.push(...(await pushAll(`round-${round}`)));
  const sorted = times.toSorted((a, b) => a - b);
  const note = `${PULLS} pull requests at once, ${Object.keys(FILES).length + 1} manifests`;
  const name = "webhook to comment";
  const runs = times.length;
  const p95 = sorted[Math.ceil(runs * 0.95) - 1] ?? Number.NaN;
  printFigure({ name: `${name}, p95`, unit: "ms", value: p95, runs, note });
  printFigure({ name: `${name}, median`, unit: "ms", value: median(times), runs });
  const perPush = (room.github.requests.length - before) / runs;
  printFigure({ name: "requests to GitHub a push", unit: "requests", value: perPush, runs });
} finally {
  room.stop.abort();
  await Promise.all([reporting.stopped, looping]);
  await listener.stop();
  await room.close();
  await closeRedis(redis);
  await server.stop();
}

/** Milliseconds from the webhook of each to its comment. */
async function pushAll(mark: string): Promise<number[]> {
  const heads = new Map<number, string>();
  for (let pull = 1; pull <= PULLS; pull += 1)
    heads.set(pull, await room.pushFiles(pull, { [`agents/p${pull}.yaml`]: modelOf(`p${pull}-${mark}`) }));
  const sentAt = performance.now();
  const took = new Map<number, number>();
  const sent = Promise.all([...heads.keys()].map((pull) => send(`${mark}-${pull}`)));
  while (took.size < PULLS) {
    if (performance.now() - sentAt > 60_000) throw new Error(`no comment came; said: ${room.said.join(" | ")}`);
    for (const [pull, head] of heads)
      if (!took.has(pull) && showsHead(room, pull, head)) took.set(pull, performance.now() - sentAt);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await sent;
  return [...took.values()];
}

function showsHead({ github }: PullRoom, pull: number, head: string): boolean {
  const [marker = ""] = (github.state.comments.find((comment) => comment.pull === pull)?.body ?? "").split("\n", 1);
  return marker.includes(`head=${head} `) && marker.includes("state=open");
}

async function send(id: string): Promise<void> {
  const body = JSON.stringify({ action: "synchronize", repository: { full_name: "acme/agents" } });
  const answer = await fetch(`${listener.url}/webhook`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": "pull_request",
      "x-github-delivery": id,
      "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
    },
  });
  await answer.text();
}

function modelOf(name: string): string {
  return `kind: ModelEndpoint\nmetadata:\n  name: ${name}\nspec:\n  provider: mock\n  default_model: mock-1\n`;
}
