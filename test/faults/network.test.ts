// Faults between the reconciler and a git server, and of the mirror: whatever is cut, refused or garbled while a commit
// waits, nothing is pruned, no record changes, and the first look after the repair applies what had waited.
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runGit, TEST_GIT } from "../git.ts";
import { serve } from "../reconciler/source/git-server.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { type FaultWorld, GONE, makeTemplate, prunes, type Template } from "./world.ts";

/** Answers in the real server's place; `isFetch` tells the request for a pack from the look at refs. */
type Fault = (asked: Asked) => void;

interface Asked {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly isFetch: boolean;
  /** Lets the real server answer, through `change` where it is given. */
  readonly real: (change?: (chunk: Buffer) => Buffer | "cut") => void;
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = ""): Fault =>
  ({ response }) =>
    void response.writeHead(code, headers).end(body);
const html = { "content-type": "text/html" };
const advertisement = { "content-type": "application/x-git-upload-pack-advertisement" };
const cut: Fault = ({ request }) => void request.socket.destroy();
/** Refs are told as they are; only the pack is hit. */
const onFetch =
  (fault: Fault): Fault =>
  (asked) =>
    asked.isFetch ? fault(asked) : asked.real();

const UNREACHABLE = "unavailable REPOSITORY_UNREACHABLE";
const AUTH = "unavailable REPOSITORY_AUTH";

const SERVER: (readonly [name: string, word: string, fault: Fault])[] = [
  ["401", AUTH, status(401, { "www-authenticate": "Basic" })],
  ["403", AUTH, status(403)],
  ["404", UNREACHABLE, status(404)],
  ["410", UNREACHABLE, status(410)],
  ["429", UNREACHABLE, status(429, { "retry-after": "60" })],
  ["500", UNREACHABLE, status(500)],
  ["502 with a page of HTML", UNREACHABLE, status(502, html, "<html>bad gateway</html>")],
  ["503", UNREACHABLE, status(503)],
  ["a redirect to another host", UNREACHABLE, status(301, { location: "https://elsewhere.invalid/agents.git" })],
  ["200 with a page of HTML", "unavailable REF_NOT_FOUND", status(200, html, "<html>please log in</html>")],
  ["200 with nothing", UNREACHABLE, status(200, advertisement)],
  ["200 with garbage", UNREACHABLE, status(200, advertisement, "zzzz not a packet")],
  ["refs that are cut in the middle", UNREACHABLE, ({ real }) => real((chunk) => (chunk.length > 40 ? "cut" : chunk))],
  ["a connection that is cut at once", UNREACHABLE, cut],
  ["500 for the pack", UNREACHABLE, onFetch(status(500))],
  ["403 for the pack", AUTH, onFetch(status(403))],
  ["a connection that is cut before the pack", UNREACHABLE, onFetch(cut)],
  ["a pack that is cut in the middle", UNREACHABLE, onFetch(({ real }) => real(() => "cut"))],
  ["a pack with other bytes", UNREACHABLE, onFetch(({ real }) => real(flipLast))],
  [
    "nothing in the pack's place",
    "unavailable READ_FAILED",
    onFetch(status(200, { "content-type": "application/x-git-upload-pack-result" })),
  ],
];

/** Where nobody who could answer is. */
const NOBODY: (readonly [name: string, word: string, url: (port: number) => string])[] = [
  ["a closed port", UNREACHABLE, () => "http://127.0.0.1:9/agents.git"],
  ["a host that nobody knows", UNREACHABLE, () => "https://nowhere.invalid/agents.git"],
  ["a server that speaks no TLS", UNREACHABLE, (port) => `https://127.0.0.1:${port}/remote.git`],
  ["an address that is refused", "unavailable REPOSITORY_REFUSED", () => "ext::sh -c 'touch /tmp/never'"],
];

const MIRROR: (readonly [name: string, word: string, hurt: (folder: string, world: FaultWorld) => Promise<unknown>])[] =
  [
    [
      "a file in the place of the mirrors' folder",
      "unavailable READ_FAILED",
      async (folder) => {
        await rm(folder, { recursive: true });
        await writeFile(folder, "");
      },
    ],
    [
      "no room for what is fetched",
      "unavailable READ_FAILED",
      (_folder, world) => fakeGit(world, '[ "$1" = fetch ] && ulimit -f 0'),
    ],
    [
      "git is killed while it fetches",
      "unavailable READ_FAILED",
      (_folder, world) => fakeGit(world, '[ "$1" = fetch ] && { kill -9 $$; }'),
    ],
    [
      "git says that it fetched, and did not",
      "unavailable REF_NOT_FOUND",
      async (folder, world) => {
        await rm(folder, { recursive: true });
        await fakeGit(world, '[ "$1" = fetch ] && exit 0');
      },
    ],
  ];

/** The mirror holds nothing of its own: it is mended or made anew, and the look goes on. */
const MENDED: (readonly [name: string, hurt: (mirror: string) => Promise<unknown>])[] = [
  [
    "the mirror lost its objects",
    async (mirror) => {
      await rm(join(mirror, "objects"), { recursive: true });
      await mkdir(join(mirror, "objects"));
    },
  ],
  ["the mirror's configuration is torn", (mirror) => writeFile(join(mirror, "config"), "[core\n")],
  ["the mirror is half made", (mirror) => rm(join(mirror, "HEAD"))],
  [
    "the mirror was locked by a process that is dead",
    (mirror) => writeFile(`${mirror}.lock`, JSON.stringify({ host: hostname(), pid: 999_999_999, id: "x" })),
  ],
  [
    "git left its locks in the mirror",
    async (mirror) => {
      await writeFile(join(mirror, "config.lock"), "");
      await writeFile(join(mirror, "packed-refs.lock"), "");
    },
  ],
];

describeWithRedis("a fault of the network:", () => {
  let redis: TestRedis;
  let template: Template;
  let world: FaultWorld;
  let before: Readonly<Record<string, string>>;
  let mirrors: string;
  let primed: FaultWorld;
  const front = { bare: "", fault: undefined as Fault | undefined };
  let server: Server;
  let port: number;

  beforeAll(async () => {
    [redis, template] = await Promise.all([testRedis(), makeTemplate()]);
    server = createServer((request, response) => void answer(front, request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
    // The mirror stands at the first commit, as after a look: made once, and copied.
    primed = await template.open(redis.url);
    await runGit(primed.bare, ["config", "uploadpack.allowFilter", "true"]);
    await runGit(primed.bare, ["update-ref", "refs/heads/main", "main~1"]);
    front.bare = primed.bare;
    primed.aim.repo = `http://127.0.0.1:${port}/remote.git`;
    expect((await primed.look()).word).toBe("unchanged");
    mirrors = primed.mirrorFolder;
  });
  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await primed.close();
    await Promise.all([redis.stop(), template.remove()]);
  });
  beforeEach(async () => {
    world = await template.open(redis.url);
    await cp(mirrors, world.mirrorFolder, { recursive: true });
    before = await world.records();
    front.bare = world.bare;
    world.aim.repo = `http://127.0.0.1:${port}/remote.git`;
  });
  afterEach(() => world.close());

  async function isHarmless(word: string): Promise<void> {
    const hurt = await world.look();
    expect([hurt.word, prunes(hurt)]).toEqual([word, []]);
    expect(await world.records()).toEqual(before);
  }

  async function isMended(): Promise<void> {
    front.fault = undefined;
    world.aim.repo = `http://127.0.0.1:${port}/remote.git`;
    world.aim.gitPath = TEST_GIT.path;
    const mended = await world.look();
    expect([mended.word, prunes(mended)]).toEqual(["applied", [GONE]]);
  }

  it.each(SERVER)("%s → %s", async (_name, word, fault) => {
    front.fault = fault;
    await isHarmless(word);
    await isMended();
  });

  it.each(NOBODY)("%s → %s", async (_name, word, url) => {
    world.aim.repo = url(port);
    await isHarmless(word);
  });

  it.each(MIRROR)("%s → %s", async (_name, word, hurt) => {
    await hurt(world.mirrorFolder, world);
    await isHarmless(word);
    await rm(world.mirrorFolder, { recursive: true });
    await isMended();
  });

  it.each(MENDED)("%s → applied", async (_name, hurt) => {
    const [name = ""] = (await readdir(world.mirrorFolder)).filter((entry) => entry.endsWith(".git"));
    await hurt(join(world.mirrorFolder, name));
    await isMended();
  });

  it("the mirror is locked by a process that lives → waits, and is applied", async () => {
    const [name = ""] = (await readdir(world.mirrorFolder)).filter((entry) => entry.endsWith(".git"));
    const lock = join(world.mirrorFolder, `${name}.lock`);
    await writeFile(lock, JSON.stringify({ host: hostname(), pid: process.pid, id: "x" }));
    const looking = world.look();
    expect(await world.records()).toEqual(before);
    await rm(lock);
    expect((await looking).word).toBe("applied");
  });
});

async function answer(
  front: { readonly bare: string; readonly fault: Fault | undefined },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const isFetch = body.includes("command=fetch");
  const real: Asked["real"] = (change) => {
    // The body was read already: it is given again, with the request's own head.
    const again = Object.assign(new PassThrough(), {
      method: request.method,
      url: request.url,
      headers: request.headers,
      socket: request.socket,
    });
    again.end(body);
    if (change !== undefined) garble(response, request, change);
    serve(front.bare, again as unknown as IncomingMessage, response);
  };
  if (front.fault === undefined) real();
  else front.fault({ request, response, isFetch, real });
}

function garble(response: ServerResponse, request: IncomingMessage, change: (chunk: Buffer) => Buffer | "cut"): void {
  const write = response.write.bind(response) as (chunk: Buffer) => boolean;
  response.write = ((chunk: Buffer): boolean => {
    const changed = change(chunk);
    if (changed !== "cut") return write(changed);
    write(chunk.subarray(0, Math.floor(chunk.length / 2)));
    request.socket.destroySoon();
    return false;
  }) as typeof response.write;
}

function flipLast(chunk: Buffer): Buffer {
  const at = Math.max(0, chunk.length - 30);
  const flipped = Buffer.from(chunk);
  flipped[at] = (flipped[at] ?? 0) ^ 0xff;
  return flipped;
}

/** A `git` that does this first, and then what git does. */
async function fakeGit(world: FaultWorld, script: string): Promise<void> {
  const folder = join(world.bare, "bin");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "git"), `#!/bin/sh\nPATH='${TEST_GIT.path}'\n${script}\nexec git "$@"\n`, {
    mode: 0o755,
  });
  world.aim.gitPath = `${folder}:${TEST_GIT.path}`;
}
