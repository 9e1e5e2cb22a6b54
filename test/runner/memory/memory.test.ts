// One suite that every memory passes: for a task, for an environment, behind HTTP.
import { describe, expect, it } from "vitest";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { Memory, MemoryEntry, VectorMemory } from "../../../runner/memory/memory.ts";
import { memoryTool } from "../../../runner/memory/memory-tools.ts";
import { type OpenMemory, openMemory } from "../../../runner/memory/open-memory.ts";
import { resolveHost } from "../../../runner/tools/checked-request.ts";
import { OAuthTokens } from "../../../runner/tools/oauth-tokens.ts";
import type { Redis } from "../../../store/connect.ts";
import { describeWithRedis, withRedis } from "../../redis.ts";
import { never, secretsWith } from "../mcp/servers.ts";
import { answerJson, serve } from "../tools/http-server.ts";
import { entry, keepsEntries, keepsVectors, type Place, somewhere, WRITTEN } from "./contract.ts";

function openAny(redis: Redis, spec: Readonly<Record<string, unknown>>, { env, task, name }: Place): OpenMemory {
  const deps = {
    redis,
    task: { env, namespace: "default", name: task },
    secrets: secretsWith({ key: "s3cret" }),
    tokens: new OAuthTokens(() => performance.now()),
    outbound: () => ({ allowPrivate: true, resolve: resolveHost }),
  };
  return openMemory({ namespace: "default", name, spec }, deps);
}

function open(redis: Redis, spec: Readonly<Record<string, unknown>>, place: Place): Memory {
  return openAny(redis, spec, place).memory;
}

function openVectors(redis: Redis, spec: Readonly<Record<string, unknown>>, place: Place): VectorMemory {
  const { vectors } = openAny(redis, spec, place);
  if (vectors === undefined) throw new Error("it keeps no vectors");
  return vectors;
}

/** What docs/memory.md asks of a memory behind HTTP, in a map. */
async function memoryServer(): Promise<string> {
  const kept = new Map<string, MemoryEntry>();
  const answers: Readonly<Record<string, (body: Record<string, unknown>) => unknown>> = {
    "/m/read": ({ key }) => ({ entry: kept.get(String(key)) ?? null }),
    "/m/write": ({ entries }) => {
      for (const one of entries as MemoryEntry[]) kept.set(one.key, one);
      return {};
    },
    "/m/search": ({ query }) => ({
      entries: [...kept.values()]
        .filter(({ value }) => value.includes(String(query)))
        .map((one) => ({ ...one, score: 1 })),
    }),
    "/m/list": ({ prefix }) => ({ keys: [...kept.keys()].filter((key) => key.startsWith(String(prefix))).toSorted() }),
  };
  const { url } = await serve((response, { path, body }) => {
    answerJson(response, 200, answers[path]?.(JSON.parse(body) as Record<string, unknown>));
  });
  return `${url}/m`;
}

describeWithRedis("memories", () => {
  let redis: Redis;
  withRedis((opened) => {
    redis = opened;
  });

  describe.each(["in-memory", "redis", "http"])("%s", (provider) => {
    keepsEntries(async () =>
      open(redis, provider === "http" ? { provider, endpoint: await memoryServer() } : { provider }, somewhere()),
    );
  });

  describe.each(["in-memory", "redis"])("%s with vectors", (provider) => {
    keepsVectors((place) => openVectors(redis, { provider }, place));
  });

  it("in-memory is a task's own; redis is shared by the tasks of an environment, and by no other environment", async () => {
    const here = somewhere();
    const write = (provider: string, place: Place) =>
      open(redis, { provider }, place).write([entry("k", "v")], never());
    const read = async (provider: string, place: Place) =>
      (await open(redis, { provider }, place).read("k", never()))?.value;
    await write("in-memory", here);
    await write("redis", here);
    const other = { ...here, task: "t2" };
    expect([await read("in-memory", here), await read("in-memory", other)]).toEqual(["v", undefined]);
    expect([
      await read("redis", other),
      await read("redis", somewhere()),
      await read("redis", { ...here, name: "x" }),
    ]).toEqual(["v", undefined, undefined]);
  });

  it("ranks entries that hold more of the query first, whatever script they are written in", async () => {
    const memory = open(redis, {}, somewhere());
    await memory.write(
      [entry("1", "Uhren und Türme"), entry("2", "Uhren, Glocken und Türme"), entry("3", "часы")],
      never(),
    );
    expect((await memory.search("glocken türme", 5, never())).map(({ key, score }) => [key, score])).toEqual([
      ["2", 1],
      ["1", 0.5],
    ]);
    expect((await memory.search("ЧАСЫ", 5, never())).map(({ key }) => key)).toEqual(["3"]);
  });

  it("names an entry that somebody else put there", async () => {
    const place = somewhere();
    const memory = open(redis, { provider: "redis" }, place);
    await redis.hset(`cw:{m:${place.env}/default/notes}:entries`, "k", "no json");
    await expect(memory.read("k", never())).rejects.toMatchObject({ code: "MEMORY_UNREADABLE" });
  });

  it("refuses providers that it does not have, and a redis elsewhere", () => {
    expect(() => open(redis, { provider: "sqlite" }, somewhere())).toThrow(
      /there are in-memory, redis, pgvector and http/,
    );
    expect(() => open(redis, { provider: "redis", endpoint: "redis://x" }, somewhere())).toThrow(
      /environment's own Redis/,
    );
  });

  describe("behind HTTP", () => {
    const failureOf = async (spec: Readonly<Record<string, unknown>>): Promise<unknown> =>
      open(redis, { provider: "http", ...spec }, somewhere())
        .read("k", never())
        .catch((error: unknown) => error);

    it("sends the credential, and tells what failed for good from what passes", async () => {
      const { url, asked } = await serve((response, { path }) => {
        answerJson(response, Number(path.split("/")[1]), {});
      });
      const at = (status: number) => failureOf({ endpoint: `${url}/${status}`, auth: { secret_ref: "key" } });
      expect(await at(200)).toBeUndefined();
      expect(asked[0]?.headers["authorization"]).toBe("Bearer s3cret");
      expect(await at(503)).toBeInstanceOf(TransientFailure);
      expect(await at(401)).toMatchObject({ code: "MEMORY_AUTH" });
      expect(await at(404)).toMatchObject({ code: "MEMORY_REFUSED" });
    });

    it.each([["no json"], ["[]"], ['{"entry": {"key": "k"}}'], [`{"x": "${"y".repeat(2_000_000)}"}`]])(
      "refuses an answer that cannot be read (%#)",
      async (body) => {
        const { url } = await serve((response) => void response.end(body));
        expect(await failureOf({ endpoint: url })).toMatchObject({ code: "MEMORY_UNREADABLE" });
      },
    );

    it("without an address fails by name", async () => {
      expect(await failureOf({})).toBeInstanceOf(PermanentFailure);
    });
  });

  describe("tools", () => {
    const context = { idempotencyKey: "k", signal: never(), checkLease: () => undefined };
    const tool = (operation: Parameters<typeof memoryTool>[0], memory: Memory) =>
      memoryTool(operation, {
        open: () => memory,
        written: () => WRITTEN,
        declared: {},
        reach: [],
        timeoutMs: 1_000,
      });

    it("keep a long text in pieces that a search finds, the same text once", async () => {
      const memory = open(redis, {}, somewhere());
      const text = Array.from({ length: 60 }, (_, n) => `Paragraph ${n} tells of clock number ${n}.`).join("\n\n");
      const first = await tool("ingest", memory).call({ source: "book", text }, context);
      expect(await tool("ingest", memory).call({ source: "book", text }, context)).toEqual(first);
      const keys = await memory.list("book#", 100, never());
      expect((JSON.parse(first.text) as { kept: string[] }).kept.toSorted()).toEqual(keys.map(({ key }) => key));
      expect(keys.length).toBeGreaterThan(1);
      const found = await tool("search", memory).call({ query: "clock number 42", limit: 1 }, context);
      expect(found.text).toContain("Paragraph 42 ");
    });

    it("tell the model what is not there and what is too large", async () => {
      const memory = open(redis, {}, somewhere());
      expect((await tool("read", memory).call({ key: "gone" }, context)).text).toBe("Nothing stands under `gone`.");
      const large = await tool("write", memory).call({ key: "k", value: "x".repeat(40_000) }, context);
      expect(large).toMatchObject({ isError: true });
      expect(await memory.list("", 10, never())).toEqual([]);
    });

    it("say what they do: reads are reads, writes leave one entry however often they are made", () => {
      const memory = open(redis, {}, somewhere());
      expect([tool("read", memory).effect, tool("write", memory).effect]).toEqual(["read", "idempotent"]);
      expect([tool("search", memory).operationClasses, tool("ingest", memory).operationClasses]).toEqual([
        ["read"],
        ["write"],
      ]);
    });
  });
});
