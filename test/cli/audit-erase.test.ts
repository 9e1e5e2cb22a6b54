// `audit erase`: what was said in a task is nowhere any more, and its chain is as whole as before.
import { tmpdir } from "node:os";
import { describe, expect, it, vi } from "vitest";
import { runAuditVerify } from "../../cli/commands/audit.ts";
import { runAuditErase } from "../../cli/commands/audit-erase.ts";
import { runRetry } from "../../cli/commands/retry.ts";
import { runTrace } from "../../cli/commands/trace.ts";
import { localIdentity } from "../../cli/identity.ts";
import { renderLine } from "../../contracts/audit/export-lines.ts";
import { ExportVerifier } from "../../contracts/audit/verify-export.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { auditExport } from "../../reconciler/audit/export-lines.ts";
import { eraseTask } from "../../store/erase-task.ts";
import { environmentKeys, taskKeys } from "../../store/keys.ts";
import { agent, manifest, mockModel, system } from "../runner/world.ts";
import { listen } from "./listen.ts";
import { useTaskWorld } from "./task-world.ts";

const SAID = ["born 1961-03-04", "lives at Elm Row 7"] as const;

const here = useTaskWorld(SAID[1]);

const common = () => ({ env: here.world.env, redis: here.server.url, output: "text" as const, verbose: false });

/** Its input and its tool's answer hold what is to be erased; the second agent reads both. */
async function endedTask(blocked: readonly string[] = []): Promise<TaskRef> {
  const script = [
    { agent: "a", turn: 1, call: [{ tool: "find", arguments: { q: "who" } }] },
    { agent: "a", turn: 2, say: "it says {{last}}" },
    { say: "thanks" },
  ];
  const manifests = [
    agent("a", { tools: ["find"] }),
    agent("b"),
    system("two", ["a", "b"]),
    mockModel("mock", script),
    here.tools.tool("find", { effect: "read" }),
    manifest("AgentPolicy", "guard", { apply_mode: "global", blocked_tools: [...blocked] }),
  ];
  await here.world.runner();
  const ref = await here.world.start(manifests, "two", { input: { topic: SAID[0] } });
  await here.world.ended(ref);
  const { live } = environmentKeys(here.world.env);
  await vi.waitFor(async () => expect(await here.world.redis.zscore(live, `default/${ref.name}`)).toBeNull(), 10_000);
  return ref;
}

async function erase(ref: TaskRef, more: { readonly yes?: boolean } = {}) {
  const told = listen(tmpdir());
  const options = { ...common(), task: ref.name, reason: "asked to", as: "Ada L.", yes: true, ...more };
  return { code: await runAuditErase(told.host, options), out: told.out(), err: told.err() };
}

async function verify(what?: string): Promise<{ code: number; out: string }> {
  const told = listen(tmpdir());
  const code = await runAuditVerify(told.host, { ...common(), ...(what === undefined ? {} : { what }) });
  return { code, out: told.out() };
}

/** Everything of the environment that is in Redis. */
async function everything(): Promise<string> {
  const { redis, env } = here.world;
  const keys = await redis.keys(`cw:*${env}*`);
  const texts = keys.map(async (key): Promise<unknown> => {
    switch (await redis.type(key)) {
      case "hash":
        return redis.hgetall(key);
      case "stream":
        return redis.xrange(key, "-", "+");
      case "list":
        return redis.lrange(key, 0, -1);
      case "string":
        return redis.get(key);
      default:
        return null;
    }
  });
  return JSON.stringify(await Promise.all(texts));
}

async function exported(): Promise<string[]> {
  const tool = { name: "countwheel", version: "0" };
  const request = {
    env: here.world.env,
    exportedAt: "2026-01-01T00:00:00.000Z",
    tool,
    scope: { task: null, since: null },
  };
  const lines: string[] = [];
  for await (const line of auditExport(here.world.redis, request)) lines.push(line);
  return lines;
}

function verdictOf(lines: readonly string[]) {
  const verifier = new ExportVerifier();
  for (const line of lines) verifier.take(line);
  return verifier.finish();
}

describe("audit erase", () => {
  it("takes what was said out of Redis, and leaves hashes, decisions and a chain that verifies", async () => {
    const ref = await endedTask();
    const before = await here.world.trace(ref);
    for (const text of SAID) expect(await everything()).toContain(text);
    const { code, out } = await erase(ref);
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^\d+ events of default\/\S+ have lost what was said in them\.\n$/),
    ]);
    for (const text of SAID) expect(await everything()).not.toContain(text);
    const after = await here.world.trace(ref);
    expect(after.map(({ hash, prev, seq, type }) => [hash, prev, seq, type])).toEqual(
      before.map(({ hash, prev, seq, type }) => [hash, prev, seq, type]),
    );
    expect(after.find(({ type }) => type === "tool.called")).toMatchObject({
      erased: true,
      tool: "find",
      argumentsDigest: before.find(({ type }) => type === "tool.called")?.["argumentsDigest"],
    });
    expect(await verify(ref.name)).toEqual({ code: 0, out: expect.stringMatching(/verified, \d+ of them erased/) });
    expect(await verify()).toEqual({ code: 0, out: expect.stringMatching(/\(\d+ erased\).*intact/s) });
    const told = listen(tmpdir());
    expect(await runTrace(told.host, { ...common(), task: ref.name, follow: false })).toBe(0);
    expect(told.out()).toContain("of them erased");
  });

  it("stands in the audit log with who and why; an export says so, and verifies offline", async () => {
    const ref = await endedTask();
    await erase(ref);
    const lines = await exported();
    expect(lines.join("\n")).not.toContain(SAID[0]);
    const entry = lines.map((line) => JSON.parse(line)).find(({ value }) => value.kind === "payloads.erased");
    const by = `local:${localIdentity().name}`;
    expect(entry?.value).toMatchObject({ task: `default/${ref.name}`, by, as: "Ada L.", message: "asked to" });
    const verdict = verdictOf(lines);
    expect([verdict.valid, verdict.items]).toEqual([
      true,
      [expect.objectContaining({ outcome: "intact", erased: verdict.erased })],
    ]);
    expect(verdict.erased).toBeGreaterThan(0);
  });

  it("is no way to alter an event: what calls itself erased must be what the log tells of", async () => {
    const ref = await endedTask();
    const whole = await exported();
    const forge = (lines: readonly string[], change: (value: Record<string, unknown>) => Record<string, unknown>) =>
      lines.map((line) => {
        const { line: number, kind, value } = JSON.parse(line);
        if (kind !== "event" || value.type !== "tool.decided") return line;
        return renderLine(number, { kind, value: change(value) as never });
      });
    const called = forge(whole, (value) => ({ ...value, effect: "deny", erased: true }));
    expect(verdictOf(called).findings).toMatchObject([
      { reason: "altered", detail: "the audit log tells of no erasure" },
    ]);
    await erase(ref);
    const changed = forge(await exported(), (value) => ({ ...value, effect: "deny" }));
    expect(verdictOf(changed).findings).toMatchObject([
      { reason: "altered", detail: "something else was left by its erasure" },
    ]);
  });

  it("is refused for a task that goes on, one that was erased, a trace that was altered, and without --yes", async () => {
    const ref = await endedTask();
    await expect(erase(ref, { yes: false })).rejects.toThrow("cannot be undone");
    const { journal } = taskKeys(ref);
    const [first] = await here.world.redis.xrange(journal, "-", "+", "COUNT", 1);
    await here.world.redis.xdel(journal, first?.[0] ?? "");
    expect((await erase(ref)).err).toContain("TRACE_BROKEN");
    const other = await endedTask();
    expect((await erase(other)).code).toBe(0);
    expect((await erase(other)).err).toContain("TASK_ERASED");
    const going = await here.world.start(
      [agent("a"), system("one", ["a"]), mockModel("mock", [{ say: "x", latency: "1m" }])],
      "one",
    );
    const word = { by: localIdentity(), reason: "why", at: "2026-01-01T00:00:00.000Z" };
    expect(await eraseTask(here.world.redis, going, word)).toEqual({ outcome: "going" });
  });

  it("leaves nothing to retry", async () => {
    const ref = await endedTask(["find"]);
    expect((await here.world.task(ref)).phase).toBe("Failed");
    await erase(ref);
    const told = listen(tmpdir());
    const retry = { ...common(), task: ref.name, fromStart: true, resetBudget: false };
    expect([await runRetry(told.host, retry), told.err()]).toEqual([1, expect.stringContaining("TASK_ERASED")]);
    expect((await here.world.task(ref)).lastError).toEqual({ code: "TOOL_BLOCKED", message: "erased" });
  });
});
