// The webhook listener over real HTTP, with payloads as GitHub sends them: it says "look again", or refuses and lives on.
import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TransientFailure } from "../../../contracts/failure.ts";
import { type Listener, type ListenerOptions, startListener } from "../../../reconciler/triggers/webhook-listener.ts";

const examples = createRequire(import.meta.url)("@octokit/webhooks-examples") as readonly {
  readonly name: string;
  readonly examples: readonly { readonly repository?: { readonly full_name: string } }[];
}[];

function example(event: string): string {
  const found = examples.find(({ name }) => name === event)?.examples[0];
  if (found === undefined) throw new Error(`no example of ${event}`);
  return JSON.stringify(found);
}

const SECRET = "a secret of this test";
const REPOSITORY = "Codertocat/Hello-World";

describe("the webhook listener", () => {
  let listener: Listener;
  let looks: string[];
  let commands: string[];
  let clicks: unknown[];
  let isAway: boolean;
  beforeEach(async () => {
    isAway = false;
    looks = [];
    commands = [];
    clicks = [];
    listener = await start();
  });
  afterEach(() => listener.stop());

  function start(more: Partial<ListenerOptions> = {}): Promise<Listener> {
    const listening = { host: "127.0.0.1", port: 0, secrets: [SECRET] };
    const hear = {
      onLook: (repository: string) => void looks.push(repository),
      onCommand: (repository: string) => void commands.push(repository),
      onClick: async (repository: string, click: object) => {
        if (isAway) throw new TransientFailure("REDIS_UNAVAILABLE", "Redis is away");
        clicks.push({ repository, ...click });
      },
    };
    return startListener({ ...listening, ...hear, ...more });
  }

  interface Sent {
    readonly event?: string;
    readonly id?: string;
    readonly signature?: string;
    readonly headers?: Record<string, string>;
  }

  async function deliver(body: string | Uint8Array<ArrayBuffer>, sent: Sent = {}): Promise<number> {
    const { event = "push", id = randomUUID(), signature = sign(body), headers = {} } = sent;
    const answer = await fetch(`${listener.url}/webhook`, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": id,
        "x-hub-signature-256": signature,
        ...headers,
      },
    });
    await answer.text();
    return answer.status;
  }

  it("says which repository to look at, for pushes and pull requests alone", async () => {
    for (const event of ["push", "pull_request"]) expect(await deliver(example(event), { event })).toBe(202);
    expect(looks).toEqual([REPOSITORY, REPOSITORY]);
    for (const event of ["ping", "issue_comment", "check_run", "release"])
      expect(await deliver(example(event), { event })).toBe(202);
    expect(looks).toHaveLength(2);
  });

  it("says who pressed which button of a check, once a delivery, where it was a person", async () => {
    const run = { id: 41, external_id: "countwheel:plan:default:sha256:ab", head_sha: "a".repeat(40) };
    const sender = { login: "ada", id: 7, type: "User" };
    const pressed = (more: object = {}): string =>
      JSON.stringify({
        ...JSON.parse(example("check_run")),
        action: "requested_action",
        check_run: run,
        requested_action: { identifier: "plan" },
        sender,
        ...more,
      });
    const event = "check_run";
    const id = randomUUID();
    for (let time = 0; time < 2; time += 1) expect(await deliver(pressed(), { event, id })).toBe(202);
    const click = { checkRun: 41, externalId: run.external_id, head: run.head_sha };
    const whole = { repository: REPOSITORY, ...click, button: "plan", login: "ada", person: 7 };
    expect(clicks).toEqual([whole]);
    // One that cannot be kept is no good delivery, and the same one counts when it comes again.
    const lost = { event, id: randomUUID() };
    isAway = true;
    for (let time = 0; time < 2; time += 1) expect(await deliver(pressed(), lost)).toBe(503);
    isAway = false;
    for (let time = 0; time < 2; time += 1) expect(await deliver(pressed(), lost)).toBe(202);
    expect(clicks.splice(1)).toEqual([whole]);
    expect(await deliver(pressed(), { event, signature: "sha256=0" })).toBe(401);
    for (const type of ["Bot", "Organization", undefined])
      expect(await deliver(pressed({ sender: { ...sender, type } }), { event })).toBe(202);
    expect(await deliver(pressed({ action: "rerequested" }), { event })).toBe(202);
    const bad = [
      { sender: { ...sender, login: "ada`<b>" } },
      { sender: { ...sender, id: "7" } },
      { requested_action: { identifier: "x".repeat(21) } },
      { requested_action: null },
      { check_run: { ...run, head_sha: "HEAD" } },
      { check_run: { ...run, external_id: null } },
    ];
    for (const more of bad) expect(await deliver(pressed(more), { event })).toBe(400);
    expect([clicks, commands, looks]).toEqual([[whole], [], []]);
  });

  it("says that a new comment may be a command, once a delivery, and of no other comment", async () => {
    const comment = (action: string, body: unknown): string =>
      JSON.stringify({ ...JSON.parse(example("issue_comment")), action, comment: { body } });
    const event = "issue_comment";
    const id = randomUUID();
    for (let time = 0; time < 2; time += 1)
      expect(await deliver(comment("created", "/countwheel plan"), { event, id })).toBe(202);
    expect(commands).toEqual([REPOSITORY]);
    for (const body of ["please /countwheel plan", "> /countwheel plan", 7, null, undefined, { body: "/countwheel" }])
      expect(await deliver(comment("created", body), { event })).toBe(202);
    for (const action of ["edited", "deleted"])
      expect(await deliver(comment(action, "/countwheel plan"), { event })).toBe(202);
    expect(await deliver(comment("created", "/countwheel plan"), { event, signature: "sha256=0" })).toBe(401);
    expect([commands, looks]).toEqual([[REPOSITORY], []]);
  });

  it("refuses what is unsigned, signed by another, signed with SHA-1, or changed by a byte", async () => {
    const body = example("push");
    const sha1 = `sha1=${createHmac("sha1", SECRET).update(body).digest("hex")}`;
    for (const signature of ["", "sha256=", sign(body, "another"), sha1, sign(body).slice(0, -1)])
      expect(await deliver(body, { signature })).toBe(401);
    expect(await deliver(`${body} `, { signature: sign(body) })).toBe(401);
    expect(looks).toEqual([]);
  });

  it("takes either of two secrets while they are rotated, and starts with no empty one", async () => {
    await listener.stop();
    listener = await start({ secrets: ["new", "old"] });
    const body = example("push");
    for (const secret of ["new", "old"]) expect(await deliver(body, { signature: sign(body, secret) })).toBe(202);
    expect(await deliver(body)).toBe(401);
    for (const secrets of [[], [""], ["new", ""]])
      await expect(start({ secrets })).rejects.toMatchObject({ code: "WEBHOOK_SECRET_MISSING" });
  });

  it("counts a delivery that is sent again once", async () => {
    const id = randomUUID();
    const body = example("push");
    for (let time = 0; time < 3; time += 1) expect(await deliver(body, { id })).toBe(202);
    expect(looks).toHaveLength(1);
  });

  it("refuses payloads that name no repository, whatever else they hold", async () => {
    const bodies = [
      "",
      "null",
      "[]",
      "{",
      "{}",
      '{"repository":null}',
      '{"repository":{"full_name":7}}',
      '{"repository":{"full_name":"../../x"}}',
      `{"repository":{"full_name":"${"a".repeat(300)}/b"}}`,
      '{"repository":{"clone_url":"https://elsewhere.test/a/b.git"}}',
    ];
    for (const body of bodies) expect(await deliver(body)).toBe(400);
    expect(await deliver(new Uint8Array([0xff, 0xfe, 0x7b]))).toBe(400);
    expect(await deliver(example("push"), { id: "no id\tat all" })).toBe(400);
    expect(looks).toEqual([]);
  });

  it("knows its paths, methods and types", async () => {
    expect(await deliver("a=1", { headers: { "content-type": "application/x-www-form-urlencoded" } })).toBe(415);
    expect(
      await deliver(gzipSync(example("push")) as Uint8Array<ArrayBuffer>, { headers: { "content-encoding": "gzip" } }),
    ).toBe(415);
    expect(await asked(listener, "/webhook", "GET")).toBe(405);
    expect(await asked(listener, "/", "POST")).toBe(404);
    expect(await asked(listener, "/healthz", "GET")).toBe(200);
    expect(await asked(listener, "/healthz", "DELETE")).toBe(405);
  });

  it("reads no more than it must of a body that is too large, announced or not", async () => {
    await listener.stop();
    listener = await start({ body: { maxBytes: 10_000, maxMs: 5_000 } });
    expect(await deliver("x".repeat(10_001))).toBe(413);
    expect(await chunked(listener, 100)).toContain("413");
    expect(await deliver(example("ping"), { event: "ping" })).toBe(202);
  });

  it("ends what is slow or cut, and goes on", async () => {
    await listener.stop();
    listener = await start({ body: { maxBytes: 100_000, maxMs: 50 } });
    expect(await chunked(listener, 1)).toContain("408");
    const socket = connect(Number(new URL(listener.url).port), "127.0.0.1");
    socket.write(`${HEAD}Content-Length: 100\r\n\r\nhalf of it`, () => socket.destroy());
    await once(socket, "close");
    expect(await deliver(example("push"))).toBe(202);
    expect(looks).toHaveLength(1);
  });
});

async function asked({ url }: Listener, path: string, method: string): Promise<number> {
  return (await fetch(`${url}${path}`, { method })).status;
}

function sign(body: string | Uint8Array, secret = SECRET): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

const HEAD = "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

/** Sends so many chunks of 1,000 bytes, and never the last one. Answers what came back. */
async function chunked({ url }: Listener, count: number): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.on("error", () => undefined);
  let told = "";
  socket.on("data", (bytes) => (told += bytes.toString("utf8")));
  socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
  for (let sent = 0; sent < count; sent += 1) socket.write(`3e8\r\n${"x".repeat(1_000)}\r\n`);
  await new Promise((resolve) => socket.once("close", resolve));
  return told;
}
