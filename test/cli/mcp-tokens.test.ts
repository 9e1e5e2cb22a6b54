// `countwheel mcp --listen` for holders of API tokens: who is let in, what each is offered, and as whom they act.
import { afterEach, describe, expect, it } from "vitest";
import { runMcp } from "../../cli/commands/mcp.ts";
import { localIdentity } from "../../cli/identity.ts";
import type { Allowable } from "../../cli/mcp/offered-commands.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { holding, useAskingWorld, type Variables } from "./asking-world.ts";

const { here, host, run, token, applyAsking, asked, standing } = useAskingWorld();
const SHARED = "a-token-that-nobody-guesses";

const serving: { readonly stop: () => void; readonly ended: Promise<number> }[] = [];
afterEach(async () => {
  for (const { stop, ended } of serving.splice(0)) {
    stop();
    await ended;
  }
});

interface Serving {
  readonly allow?: readonly Allowable[];
  readonly requireToken?: boolean;
  readonly variables?: Variables;
}

/** Its address, once it listens. */
function serve({ allow = [], requireToken = false, variables = {} }: Serving): Promise<string> {
  const told = host(variables);
  const stopping = new AbortController();
  return new Promise((resolve, reject) => {
    const hear = (text: string): void => {
      const url = /http:\/\/\S+\/mcp/.exec(text)?.[0];
      if (url !== undefined) resolve(url);
    };
    const flags = { env: here.world.env, output: "text", verbose: false, allow, requireToken } as const;
    const serveHost = { ...told.host, stderr: { ...told.host.stderr, write: hear }, signal: stopping.signal };
    const ended = runMcp(serveHost, { ...flags, listen: { host: "127.0.0.1", port: 0 } });
    serving.push({ stop: () => stopping.abort(), ended });
    ended.catch(reject);
  });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function ask(url: string, bearer: string | undefined, method: string, params: object = {}): Promise<Answer> {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const response = await fetch(url, { method: "POST", headers, body });
  return { status: response.status, body: await response.text() };
}

async function offered(url: string, bearer?: string): Promise<readonly string[]> {
  const { status, body } = await ask(url, bearer, "tools/list");
  if (status !== 200) return [String(status)];
  const { result } = JSON.parse(body) as {
    result: { tools: { name: string; annotations: { readOnlyHint: boolean } }[] };
  };
  return result.tools.filter(({ annotations }) => !annotations.readOnlyHint).map(({ name }) => name);
}

async function call(url: string, bearer: string | undefined, name: string, args: object) {
  const { status, body } = await ask(url, bearer, "tools/call", { name, arguments: args });
  expect(status).toBe(200);
  const { result } = JSON.parse(body) as { result: { isError: boolean; content: { text: string }[] } };
  return { isError: result.isError, text: result.content[0]?.text ?? "" };
}

describe("an MCP client that brings an API token", () => {
  it("acts as its holder: runs, is refused by not_requester, and another approves", async () => {
    const [ada, ben] = [await token("ada"), await token("ben")];
    await applyAsking({ not_requester: true, approvers: ["token:ada", "token:Ben"] });
    const url = await serve({ allow: ["approve", "run"] });
    const started = JSON.parse((await call(url, ada, "run", { system: "one" })).text) as { name: string };
    const ref: TaskRef = { env: here.world.env, namespace: "default", name: started.name };
    const { requestedBy } = await here.world.until(ref, ({ phase }) => phase === "WaitingApproval");
    expect(requestedBy).toEqual({ kind: "token", name: "ada" });
    const [{ name: approval }] = JSON.parse((await call(url, ben, "get", { kind: "approvals" })).text).items;
    const own = await call(url, ada, "approve", { approval });
    expect(own.text).toContain("APPROVAL_NOT_ALLOWED");
    const given = await call(url, ben, "approve", { approval, reason: "fine" });
    expect([given.isError, JSON.parse(given.text)]).toEqual([false, expect.objectContaining({ by: "token:ben" })]);
    expect((await here.world.ended(ref)).phase).toBe("Succeeded");
  });

  it("is offered what the server allows and the token was made for, and nothing more", async () => {
    const every = await token("every", "--allow", "approve", "run", "apply");
    const [approves, looks] = [await token("approves", "--allow", "approve"), await token("looks", "--allow", "look")];
    const wide = await serve({ allow: ["approve", "run", "apply"] });
    expect(await offered(wide, every)).toEqual(["approve", "deny", "run", "apply"]);
    expect(await offered(wide, approves)).toEqual(["approve", "deny"]);
    expect(await offered(wide, looks)).toEqual([]);
    const narrow = await serve({ allow: ["run"] });
    expect([await offered(narrow, every), await offered(narrow, approves)]).toEqual([["run"], []]);
    const refused = await ask(narrow, every, "tools/call", { name: "approve", arguments: { approval: "x" } });
    expect(refused.body).toContain("TOOL_UNKNOWN");
  });

  it("is refused from the moment in which the token is revoked", async () => {
    const ci = await token("ci");
    const url = await serve({ allow: ["approve"] });
    expect(await offered(url, ci)).toEqual(["approve", "deny"]);
    await run(["token", "revoke", "ci"]);
    expect(await offered(url, ci)).toEqual(["401"]);
  });

  it("gets 401 with one that is not good, where nobody else needs one, too", async () => {
    const ci = await token("ci");
    const over = await token("over", "--ttl", "1ms");
    const elsewhere = (await run(["token", "create", "ci", "--env", "elsewhere"])).out.trim();
    const bad = ["x", SHARED, `${ci}x`, ci.slice(0, -1), ci.replace("ci", "over"), over, elsewhere];
    for (const url of [
      await serve({}),
      await serve({ requireToken: true }),
      await serve({ variables: { COUNTWHEEL_MCP_TOKEN: `${SHARED}!` } }),
    ]) {
      for (const bearer of bad) expect([bearer, (await ask(url, bearer, "tools/list")).status]).toEqual([bearer, 401]);
      expect((await ask(url, ci, "tools/list")).status).toBe(200);
    }
  });

  it("gets 503 where tokens cannot be checked, and is let in by nothing else", async () => {
    const ci = await token("ci");
    const url = await serve({});
    const key = (await here.world.redis.keys("*:tokens")).find((name) => name.includes(here.world.env)) ?? "";
    await here.world.redis.hset(key, "ci", "sha256:0 {}");
    expect((await ask(url, ci, "tools/list")).status).toBe(503);
  });
});

describe("an MCP client without an API token", () => {
  it("may not say yes or no to what waits for a person, by the shared token neither", async () => {
    await applyAsking({});
    const waiting = await asked();
    const open = await serve({ allow: ["approve", "run"] });
    const shared = await serve({ allow: ["approve", "run"], variables: { COUNTWHEEL_MCP_TOKEN: SHARED } });
    for (const [url, bearer] of [
      [open, undefined],
      [shared, SHARED],
    ] as const) {
      expect(await offered(url, bearer)).toEqual(["run"]);
      const refused = await call(url, bearer, "approve", { approval: waiting.name });
      expect([refused.isError, refused.text]).toEqual([true, expect.stringContaining("TOOL_UNKNOWN")]);
    }
    expect(await standing(waiting)).toEqual(["Pending", undefined]);
    const started = JSON.parse((await call(shared, SHARED, "run", { system: "one" })).text) as { name: string };
    expect((await here.world.task({ ...waiting.ref, name: started.name })).requestedBy).toEqual(localIdentity());
  });

  it("is listened to on this machine only, and nowhere where tokens are required", async () => {
    expect(await offered(await serve({ requireToken: true }))).toEqual(["401"]);
    expect(await offered(await serve({ variables: { COUNTWHEEL_MCP_TOKEN: SHARED } }))).toEqual(["401"]);
    expect(await offered(await serve({ variables: holding("cw_bad") }))).toEqual([]);
    expect((await run(["mcp", "--require-token"])).code).toBe(64);
  });
});
