// API tokens over a real Redis: who is let in by one, who is not, and what is kept of it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type ApiToken, isToken, tokenName, tokenText } from "../../contracts/api-token.ts";
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import { digestText } from "../../contracts/canonical.ts";
import { parseStateKey } from "../../contracts/state-key.ts";
import { readAuditLog } from "../../store/audit-log.ts";
import { closeRedis, connectRedis, type Redis } from "../../store/connect.ts";
import { environmentKeys } from "../../store/keys.ts";
import { resealToken } from "../../store/scripts/reseal-token.ts";
import { sealTokens } from "../../store/tokens/seal-tokens.ts";
import { sealToken } from "../../store/tokens/sealed-token.ts";
import { checkToken, createToken, listTokens, revokeToken, type TokenRequest } from "../../store/tokens/tokens.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { dumpRedis } from "../redis-dump.ts";
import { newEnv } from "./world.ts";

const ADA = { kind: "local", name: "ada" } as const;
const HOUR_MS = 3_600_000;

test("a token's text says whose it is, whatever its name, and nothing else looks like one", () => {
  const secret = Buffer.alloc(32, 0xfb);
  for (const name of ["ci", "a_b", "a-b.c_", "0", "x".repeat(63)])
    expect(tokenName(tokenText(name, secret))).toBe(name);
  const text = tokenText("ci", secret);
  for (const other of [
    "",
    "cw_",
    text.slice(0, -1),
    `${text}x`,
    `${text}\n`,
    ` ${text}`,
    text.toUpperCase(),
    `x${text}`,
  ]) {
    expect(tokenName(other)).not.toBe("ci");
  }
});

test("a token is held against its digest in constant time", () => {
  const token = { digest: digestText("a") };
  expect([isToken("a", token), isToken("b", token), isToken("", { digest: "sha256:" as typeof token.digest })]).toEqual(
    [true, false, false],
  );
  const source = readFileSync(join(import.meta.dirname, "../../contracts/api-token.ts"), "utf8");
  expect(source).toMatch(/function isToken\([^}]*\}[^}]*timingSafeEqual\(given, kept\)/);
  const store = readFileSync(join(import.meta.dirname, "../../store/tokens/tokens.ts"), "utf8");
  expect(store).not.toMatch(/digest\s*[!=]==/);
});

describeWithRedis("API tokens", () => {
  let server: TestRedis;
  let redis: Redis;
  let keyed: Redis;
  let env = "";
  beforeAll(async () => {
    server = await testRedis();
    redis = connectRedis(server.url, "command");
    keyed = connectRedis(server.url, "command", parseStateKey("k".repeat(32)));
  });
  afterAll(async () => {
    await Promise.all([redis, keyed].map(closeRedis));
    await server.stop();
  });
  beforeEach(() => {
    env = newEnv();
  });

  async function make(name: string, more: Partial<TokenRequest> = {}, client = redis): Promise<string> {
    const made = await createToken(client, env, { name, allow: ["approve"], ttlMs: HOUR_MS, createdBy: ADA, ...more });
    if (made.outcome === "taken") throw new Error("taken");
    return made.text;
  }

  const verdictOn = async (text: string, client = redis): Promise<string> =>
    (await checkToken(client, env, text)).outcome;

  async function entries(): Promise<AuditEntry[]> {
    const found: AuditEntry[] = [];
    for await (const entry of readAuditLog(redis, env)) found.push(entry);
    return found;
  }

  test("let in who has one, and tell what it was made for", async () => {
    const text = await make("ci", { allow: ["approve", "run"] });
    expect(text).toMatch(/^cw_ci_[\w-]{43}$/);
    expect(await checkToken(redis, env, text)).toMatchObject({
      outcome: "valid",
      token: { name: "ci", allow: ["approve", "run"], createdBy: ADA },
    });
    expect(await make("other")).not.toContain(text.slice(-43));
  });

  test("let in nobody with another secret, part of it, another name, or one of another environment", async () => {
    const [ci, ben] = [await make("ci"), await make("ben")];
    const wrong = [
      tokenText("ci", Buffer.alloc(32)),
      ci.slice(0, -1),
      ci.replace("ci", "ben"),
      ben.replace("ben", "ci"),
    ];
    for (const text of [...wrong, ci.replace("ci", "nobody"), "", "ci", "cw_ci_"]) {
      expect([text, await verdictOn(text)]).toEqual([text, "unknown"]);
    }
    env = newEnv();
    await make("ci");
    expect(await verdictOn(ci)).toBe("unknown");
  });

  test("end at once when they are revoked, also where another takes the name", async () => {
    const first = await make("ci");
    expect(await createToken(redis, env, { name: "ci", allow: [], ttlMs: 1, createdBy: ADA })).toEqual({
      outcome: "taken",
    });
    expect(await verdictOn(first)).toBe("valid");
    expect(await revokeToken(redis, env, { name: "ci", by: ADA })).toBe(true);
    expect(await verdictOn(first)).toBe("unknown");
    expect(await revokeToken(redis, env, { name: "ci", by: ADA })).toBe(false);
    const second = await make("ci");
    expect([await verdictOn(first), await verdictOn(second)]).toEqual(["unknown", "valid"]);
  });

  test("end by Redis' own clock, and an end that cannot be read is over", async () => {
    const over = await make("ci", { ttlMs: 0 });
    expect(await verdictOn(over)).toBe("expired");
    expect((await listTokens(redis, env)).map(({ expired }) => expired)).toEqual([true]);
    const endless = await make("endless");
    const [token] = (await listTokens(redis, env)).filter(({ name }) => name === "endless");
    const forged = sealToken({ env, key: undefined }, { ...(token as ApiToken), expiresAt: "never" });
    await redis.hset(environmentKeys(env).tokens, "endless", forged);
    expect(await verdictOn(endless)).toBe("expired");
  });

  test("are made once, whoever makes them at the same time", async () => {
    const made = await Promise.all(
      Array.from({ length: 5 }, () =>
        createToken(redis, env, { name: "ci", allow: [], ttlMs: HOUR_MS, createdBy: ADA }),
      ),
    );
    expect(made.map(({ outcome }) => outcome).toSorted()).toEqual(["created", "taken", "taken", "taken", "taken"]);
    expect(await entries()).toHaveLength(1);
    for (const one of made) if (one.outcome === "created") expect(await verdictOn(one.text)).toBe("valid");
  });

  test("stand in Redis as a digest and in no other form, used or not", async () => {
    const text = await make("ci");
    await verdictOn(text);
    const dump = await dumpRedis(redis);
    expect(dump).toContain(digestText(text));
    expect(dump).not.toContain(text.slice(-43));
    expect(dump).not.toContain(Buffer.from(text.slice(-43), "base64url").toString("hex"));
  });

  test("are told in the audit log when they are made and revoked, with who did it", async () => {
    await make("ci", { allow: ["approve", "apply"] });
    await revokeToken(redis, env, { name: "ci", by: { kind: "local", name: "eve" } });
    expect(await entries()).toMatchObject([
      {
        kind: "token.created",
        token: "ci",
        allow: ["approve", "apply"],
        by: "local:ada",
        expiresAt: expect.any(String),
      },
      { kind: "token.revoked", token: "ci", by: "local:eve" },
    ]);
  });

  test("are listed with their last use, and not with that of an earlier one of their name", async () => {
    const uses = async () => (await listTokens(redis, env)).map(({ name, lastUsedAt }) => [name, lastUsedAt]);
    const text = await make("ci");
    await make("ben");
    expect(await uses()).toEqual([
      ["ben", null],
      ["ci", null],
    ]);
    await verdictOn(text);
    expect(await uses()).toEqual([
      ["ben", null],
      ["ci", expect.stringMatching(/^\d{4}-/)],
    ]);
    await redis.hset(environmentKeys(env).tokenUses, "ben", "2001-01-01T00:00:00.000Z");
    expect((await uses())[0]).toEqual(["ben", null]);
  });

  test("that somebody wrote, changed or moved without the state key let nobody in", async () => {
    const [ci, ben] = [await make("ci", {}, keyed), await make("ben", {}, keyed)];
    expect(await verdictOn(ci, keyed)).toBe("valid");
    const { tokens } = environmentKeys(env);
    const [kept, other] = [await redis.hget(tokens, "ci"), await redis.hget(tokens, "ben")];
    const mine = tokenText("ci", Buffer.alloc(32, 7));
    const forged = {
      name: "ci",
      digest: digestText(mine),
      allow: ["approve"],
      createdAt: "",
      createdBy: ADA,
      expiresAt: "2999-01-01T00:00:00.000Z",
    } as const;
    const put = (text: string): Promise<number> => redis.hset(tokens, "ci", text);
    await put(sealToken({ env, key: undefined }, forged));
    await expect(checkToken(keyed, env, mine)).rejects.toMatchObject({ code: "STATE_UNSEALED" });
    await put((kept ?? "").replace(digestText(ci), digestText(mine)));
    await expect(checkToken(keyed, env, mine)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await put(other ?? "");
    await expect(checkToken(keyed, env, ben.replace("ben", "ci"))).rejects.toMatchObject({ code: "STATE_CORRUPT" });
    await put(kept ?? "");
    await expect(checkToken(redis, env, ci)).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    const elsewhere = newEnv();
    await redis.hset(environmentKeys(elsewhere).tokens, "ci", kept ?? "");
    await expect(checkToken(keyed, elsewhere, ci)).rejects.toMatchObject({ code: "STATE_CORRUPT" });
  });

  test("of a time without a state key are sealed by name, and one that was revoked meanwhile stays revoked", async () => {
    const [ci, ben] = [await make("ci"), await make("ben")];
    await expect(checkToken(keyed, env, ci)).rejects.toMatchObject({ code: "STATE_UNSEALED" });
    const { tokens } = environmentKeys(env);
    const before = (await redis.hget(tokens, "ben")) ?? "";
    expect(await sealTokens(keyed, env)).toEqual(["ben", "ci"]);
    expect([await verdictOn(ci, keyed), await verdictOn(ben, keyed)]).toEqual(["valid", "valid"]);
    await revokeToken(redis, env, { name: "ben", by: ADA });
    expect(await resealToken(redis, env, { name: "ben", before, after: before })).toBe(false);
    expect(await verdictOn(ben, keyed)).toBe("unknown");
  });
});
