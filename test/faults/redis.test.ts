// Faults of Redis while a commit waits: nothing is pruned by them, no record changes but by a whole apply, the failure has
// a name, and the first look after the repair applies what had waited.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { ensureEmbedded, stopEmbedded } from "../../store/embedded/embedded.ts";
import { environmentKeys, queuePrefix } from "../../store/keys.ts";
import { describeWithRedis, SEARCH } from "../redis.ts";
import { until } from "../store/world.ts";
import { killServer } from "./kill-server.ts";
import { type RedisProxy, redisProxy, type Verdict } from "./redis-proxy.ts";
import { type FaultWorld, GONE, makeTemplate, prunes, type Template } from "./world.ts";

interface Hurt {
  readonly world: FaultWorld;
  /** A connection of its own to the server, with every right. */
  readonly admin: Redis;
}

/** Name, what the look answers, the fault, and how it ends. */
type Row = readonly [
  name: string,
  word: string,
  inject: (hurt: Hurt) => Promise<unknown>,
  mend: (hurt: Hurt) => Promise<unknown>,
];

const keys = ({ world }: Hurt) => environmentKeys(world.env);
const set =
  (name: string, value: string) =>
  ({ admin }: Hurt) =>
    admin.config("SET", name, value);

/** The key is kept aside, so that the fault can be taken back. */
function aside(pick: (hurt: Hurt) => string, spoil?: (hurt: Hurt, key: string) => Promise<unknown>) {
  const inject = async (hurt: Hurt): Promise<void> => {
    const key = pick(hurt);
    await hurt.admin.copy(key, `${key}:aside`);
    if (spoil === undefined) await hurt.admin.del(key);
    else await spoil(hurt, key);
  };
  const mend = async (hurt: Hurt): Promise<unknown> => {
    const key = pick(hurt);
    return (await hurt.admin.exists(`${key}:aside`)) === 1
      ? hurt.admin.rename(`${key}:aside`, key)
      : hurt.admin.del(key);
  };
  return [inject, mend] as const;
}

const wrongType = (_hurt: Hurt, key: string): Promise<unknown> => _hurt.admin.set(key, "not what it was");
const A = "Agent/default/a";

const STATE: Row[] = [
  [
    "the lineage is gone from the head",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).head,
      ({ admin }, key) => admin.hdel(key, "lineage"),
    ),
  ],
  [
    "the lineage is another",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).head,
      ({ admin }, key) => admin.hset(key, "lineage", "other"),
    ),
  ],
  [
    "the serial is another",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).head,
      ({ admin }, key) => admin.hset(key, "serial", "7"),
    ),
  ],
  ["the head is gone", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).head)],
  [
    "a byte of a record is changed",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).records,
      async ({ admin }, key) =>
        admin.hset(key, A, ((await admin.hget(key, A)) ?? "").replace('"prompt":"p"', '"prompt":"x"')),
    ),
  ],
  [
    "a record stands under another's address",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).records,
      async ({ admin }, key) => admin.hset(key, A, (await admin.hget(key, GONE)) ?? ""),
    ),
  ],
  [
    "a record is cut short",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).records,
      async ({ admin }, key) => admin.hset(key, A, ((await admin.hget(key, A)) ?? "").slice(0, 100)),
    ),
  ],
  [
    "a record is empty",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).records,
      ({ admin }, key) => admin.hset(key, A, ""),
    ),
  ],
  [
    "a record that nobody wrote",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).records,
      ({ admin }, key) => admin.hset(key, "Agent/default/forged", "x y {}"),
    ),
  ],
  ["the records are no hash", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).records, wrongType)],
  ["the head is no hash", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).head, wrongType)],
  ["the lock is no hash", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).lock, wrongType)],
  ["the list of used plans is no set", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).plans, wrongType)],
  ["the orders of tasks are no hash", "failed STATE_CORRUPT", ...aside((hurt) => keys(hurt).pendingIntents, wrongType)],
  [
    "an order of a task is garbage",
    "failed STATE_CORRUPT",
    ...aside(
      (hurt) => keys(hurt).pendingIntents,
      ({ admin }, key) => admin.hset(key, "Task/default/x@sha256:1", "garbage"),
    ),
  ],
  [
    "everything was flushed",
    "held lineage",
    async ({ world, admin }) => {
      for (const key of Object.values(environmentKeys(world.env))) {
        if ((await admin.exists(key)) === 1) await admin.rename(key, `${key}:aside`);
      }
    },
    async ({ world, admin }) => {
      for (const key of Object.values(environmentKeys(world.env))) {
        if ((await admin.exists(`${key}:aside`)) === 1) await admin.rename(`${key}:aside`, key);
      }
    },
  ],
];

const SERVER: Row[] = [
  ["it is out of memory", "failed REDIS_FULL", set("maxmemory", "1"), set("maxmemory", "0")],
  [
    "it may throw keys away",
    "failed REDIS_EVICTS",
    set("maxmemory-policy", "allkeys-lru"),
    set("maxmemory-policy", "noeviction"),
  ],
  [
    "it is a replica that may not be written to",
    "failed REDIS_READONLY",
    ({ admin }) => admin.replicaof("127.0.0.1", 1),
    ({ admin }) => admin.replicaof("NO", "ONE"),
  ],
  [
    "it misses the replicas that it needs",
    "failed REDIS_READONLY",
    set("min-replicas-to-write", "1"),
    set("min-replicas-to-write", "0"),
  ],
  [
    "it is a replica that tells nothing while it is alone",
    "failed REDIS_UNAVAILABLE",
    async ({ admin }) => {
      await admin.config("SET", "replica-serve-stale-data", "no");
      await admin.replicaof("127.0.0.1", 1);
    },
    async ({ admin }) => {
      await admin.replicaof("NO", "ONE");
      await admin.config("SET", "replica-serve-stale-data", "yes");
    },
  ],
  [
    "it wants a password",
    "failed REDIS_AUTH",
    async ({ admin, world }) => {
      await admin.config("SET", "requirepass", "secret");
      world.aim.redis = reconnected(world);
    },
    set("requirepass", ""),
  ],
  [
    "the password is wrong",
    "failed REDIS_AUTH",
    async ({ admin, world }) => {
      await admin.config("SET", "requirepass", "secret");
      world.aim.redis = reconnected(world, { password: "guess" });
    },
    set("requirepass", ""),
  ],
  [
    "our user may read only",
    "failed REDIS_AUTH",
    async ({ admin, world }) => {
      await admin.acl("SETUSER", "reader", "on", ">pw", "~*", "+@all", "-@write");
      world.aim.redis = reconnected(world, { username: "reader", password: "pw" });
    },
    ({ admin }) => admin.acl("DELUSER", "reader"),
  ],
  [
    "our user may not run scripts",
    "failed REDIS_AUTH",
    async ({ admin, world }) => {
      await admin.acl("SETUSER", "plain", "on", ">pw", "~*", "+@all", "-@scripting");
      world.aim.redis = reconnected(world, { username: "plain", password: "pw" });
    },
    ({ admin }) => admin.acl("DELUSER", "plain"),
  ],
  [
    "it takes no more clients",
    "failed REDIS_UNAVAILABLE",
    async ({ admin, world }) => {
      await admin.config("SET", "maxclients", "1");
      world.aim.redis = reconnected(world);
    },
    set("maxclients", "1000"),
  ],
  [
    "a script of somebody blocks it",
    "failed REDIS_UNAVAILABLE",
    async ({ admin, world }) => {
      await admin.config("SET", "busy-reply-threshold", "1");
      const busy = connectRedis(urlOf(world.redis), "command");
      busy
        .eval("while true do end", 0)
        .catch(() => undefined)
        .finally(() => busy.disconnect());
      await until("it is busy", () => isBusy(admin));
    },
    async ({ admin }) => {
      await admin.script("KILL");
      await until("it is free", () => isBusy(admin).then((busy) => !busy));
      await admin.config("SET", "busy-reply-threshold", "5000");
    },
  ],
  ["it forgets its scripts", "applied", ({ admin }) => admin.script("FLUSH"), async () => undefined],
  [
    "it stands still for a moment",
    "applied",
    ({ admin }) => admin.call("CLIENT", "PAUSE", "200", "ALL"),
    async () => undefined,
  ],
];

describeWithRedis("a fault of Redis:", () => {
  let home: string;
  let url: string;
  let template: Template;
  let hurt: Hurt;
  let before: Readonly<Record<string, string>>;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "cw-fault-redis-"));
    [{ url }, template] = await Promise.all([
      ensureEmbedded({ ...SEARCH, home, say: () => undefined }),
      makeTemplate(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([stopEmbedded(home), template.remove()]);
    await rm(home, { recursive: true, force: true });
  });
  beforeEach(async () => {
    hurt = { world: await template.open(url), admin: connectRedis(url, "command") };
    before = await hurt.world.records();
  });
  afterEach(async () => {
    await closeRedis(hurt.admin);
    await hurt.world.close();
  });

  async function isMended(): Promise<void> {
    const { world } = hurt;
    if (world.aim.redis !== world.redis) world.aim.redis.disconnect();
    world.aim.redis = world.redis;
    expect(await world.records()).toEqual(before);
    const mended = await world.look();
    expect([mended.word, prunes(mended)]).toEqual(["applied", [GONE]]);
  }

  it.each([...STATE, ...SERVER])("%s → %s", async (_name, word, inject, mend) => {
    await inject(hurt);
    const looking = hurt.world.look();
    await Promise.allSettled([looking]);
    await mend(hurt);
    const look = await looking;
    expect(look.word).toBe(word);
    if (word === "applied") expect(prunes(look)).toEqual([GONE]);
    else await isMended();
  });

  it("the records are gone, and the head is there → held blocked: nothing is made anew behind anybody's back", async () => {
    const [inject, mend] = aside((of) => keys(of).records);
    await inject(hurt);
    const look = await hurt.world.look();
    expect([look.word, prunes(look), await hurt.world.records()]).toEqual(["held blocked", [], {}]);
    await mend(hurt);
    await isMended();
  });

  it("an older, valid record is replayed → held blocked", async () => {
    const { world, admin } = hurt;
    const older = (await admin.hget(keys(hurt).records, A)) ?? "";
    await world.push({ "agents/a.yaml": "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m, prompt: newer}\n" });
    expect((await world.look()).word).toBe("applied");
    const newer = (await admin.hget(keys(hurt).records, A)) ?? "";
    await admin.hset(keys(hurt).records, A, older);
    expect((await world.look()).word).toBe("held blocked");
    await admin.hset(keys(hurt).records, A, newer);
    expect((await world.look()).word).toBe("unchanged");
  });

  it("somebody else holds the lock, and stands still → locked, until it lapses", async () => {
    const { world, admin } = hurt;
    const [seconds] = await admin.time();
    await admin.hset(keys(hurt).lock, "holder", "other", "token", 9, "until", (Number(seconds) + 100) * 1000);
    expect((await world.look()).word).toBe("locked");
    await admin.hset(keys(hurt).lock, "until", Number(seconds) * 1000);
    await isMended();
  });

  it("the server was killed → failed REDIS_UNAVAILABLE; started again, it is as before", async () => {
    await killServer(home);
    expect((await hurt.world.look()).word).toBe("failed REDIS_UNAVAILABLE");
    await ensureEmbedded({ ...SEARCH, home, say: () => undefined });
    await isMended();
  });

  it("a queue's key of the wrong kind does not keep an apply from its records", async () => {
    await hurt.admin.set(`${queuePrefix(hurt.world.env)}:activations:meta`, "x");
    expect((await hurt.world.look()).word).toBe("applied");
  });

  it("the lock is stolen between the plan and the switch → overtaken", async () => {
    const { world, admin } = hurt;
    await through(world, (proxy) => {
      proxy.judge = async ({ name, parts }): Promise<Verdict> => {
        // Staging begins with MULTI; the lock is ours by then.
        if (name === "evalsha" && parts.some((part) => part.includes(":staging:")))
          await admin.hset(keys(hurt).lock, "holder", "thief", "token", 99);
        return "pass";
      };
    });
    await admin.hset(keys(hurt).lock, "until", 0);
    await isMended();
  });

  async function through(world: FaultWorld, prepare: (proxy: RedisProxy) => void): Promise<void> {
    const proxy = await redisProxy(url);
    world.aim.redis = connectRedis(proxy.url, "command");
    prepare(proxy);
    expect((await world.look()).word).toBe("overtaken");
    await closeRedis(world.aim.redis);
    await proxy.stop();
  }
});

async function isBusy(admin: Redis): Promise<boolean> {
  return admin.ping().then(
    () => false,
    (error: Error) => error.message.startsWith("BUSY"),
  );
}

function urlOf(redis: Redis): string {
  return redis.options.path ?? "";
}

function reconnected(
  { redis }: FaultWorld,
  more: { readonly username?: string; readonly password?: string } = {},
): Redis {
  const other = redis.duplicate(more);
  other.on("error", () => undefined);
  return other;
}
