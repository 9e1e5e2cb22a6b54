// Export and import over a real Redis: a round trip changes nothing, and nothing is believed that was touched.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson, digestOf, digestText } from "../../../contracts/canonical.ts";
import type { EnvironmentCopy } from "../../../contracts/environment-copy.ts";
import { parseStateKey } from "../../../contracts/state-key.ts";
import { processLineageMemory } from "../../../reconciler/apply/lineage-memory.ts";
import { type Belief, type ExportFacts, exportLines, parseExport } from "../../../reconciler/rebuild/export-lines.ts";
import { importEnvironment } from "../../../reconciler/rebuild/import-environment.ts";
import { connectRedis } from "../../../store/connect.ts";
import { readEnvironment } from "../../../store/environment-copy.ts";
import { suspend } from "../../../store/holds.ts";
import { environmentKeys } from "../../../store/keys.ts";
import { readState } from "../../../store/state.ts";
import { listTasks } from "../../../store/tasks.ts";
import { acquireWriterLock } from "../../../store/writer-lock.ts";
import * as fc from "../../property.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../../redis.ts";
import { openWorld, type World } from "../apply/world.ts";
import { manifest, observed } from "../plan/builders.ts";

const FACTS: ExportFacts = {
  env: "production",
  exportedAt: "2026-11-01T12:00:00Z",
  tool: { name: "countwheel", version: "0.1.0" },
  secrets: true,
};
const secret = manifest("Secret", "s", { string_data: { value: "CANARY" } });
const base = [
  manifest("ModelEndpoint", "m", { provider: "mock", default_model: "mock" }),
  manifest("Agent", "a", { model_ref: "m", prompt: "one" }),
  manifest("AgentSystem", "sys", { agents: ["a"] }),
];
const task = manifest("Task", "t", { system: "sys" });

function copyOf(set = [...base, secret]): EnvironmentCopy {
  const { head, records } = observed(set);
  if (head === null) throw new Error("the builder makes a head");
  const [first] = [...records.values()];
  return {
    head,
    records: [...records.values()],
    archived: first === undefined ? [] : [{ record: first, serial: 40 }],
    applies: [{ serial: 41, planId: "p", planDigest: "sha256:1", commit: null, appliedAt: "x", facts: { counts: {} } }],
    plans: [["p", 41]],
    intents: [["Task/default/t@sha256:1", 3]],
    ordered: [],
    holds: [["environment", '{"by":"Ada","since":"x","reason":""}']],
    inventory: [["", "41"]],
  };
}

const textOf = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

describe("the lines of an export", () => {
  it("are read back as what they were written from", () => {
    const copy = copyOf();
    const { lines, leftOut } = exportLines(copy, FACTS);
    expect(leftOut).toEqual([]);
    expect(parseExport(textOf(lines))).toEqual({ outcome: "ok", facts: FACTS, copy, leftOut: [] });
  });

  it("are not believed once any of their bytes was changed", () => {
    const text = textOf(exportLines(copyOf(), FACTS).lines);
    fc.assert(
      fc.property(fc.nat(text.length - 2), fc.constantFrom("0", "x", '"', "}", "\n", " "), (at, letter) => {
        fc.pre(text[at] !== letter);
        expect(parseExport(text.slice(0, at) + letter + text.slice(at + 1)).outcome).toBe("refused");
      }),
      { numRuns: fc.cases(100) },
    );
  });

  it("are not believed when one was lost, doubled, moved or added, or the file was cut", () => {
    const { lines } = exportLines(copyOf(), FACTS);
    const line = { type: "intent", value: ["Task/default/x@sha256:2", 1] };
    const forged = JSON.stringify({ ...line, digest: digestOf(line) });
    const [first = "", second = "", third = "", ...rest] = lines;
    for (const changed of [
      [first, second, ...rest],
      [first, second, third, third, ...rest],
      [first, third, second, ...rest],
      [first, second, third, forged, ...rest],
      lines.slice(0, -1),
      lines.slice(0, 2),
      [],
    ]) {
      expect(parseExport(textOf(changed)).outcome).toBe("refused");
    }
    expect(parseExport(textOf([first, second.replace("lin-1", "lin-2"), third, ...rest]))).toEqual({
      outcome: "refused",
      line: 2,
      why: "it does not match its digest",
    });
  });

  it("are refused where somebody made their digests fit other shapes", () => {
    const sealed = (lines: readonly object[]): string => {
      const texts = lines.map((line) => canonicalJson({ ...line, digest: digestOf(line) }));
      const digest = digestText(texts.map((text) => `${text}\n`).join(""));
      return textOf([...texts, canonicalJson({ type: "end", lines: texts.length, digest })]);
    };
    const whole = exportLines(copyOf(), FACTS).lines.slice(0, -1);
    const values = whole.map((line) => {
      const { digest: _digest, ...value } = JSON.parse(line) as Record<string, unknown>;
      return value;
    });
    expect(parseExport(sealed(values)).outcome).toBe("ok");
    const replaced = (at: number, line: object): string =>
      sealed(values.map((value, index) => (index === at ? line : value)));
    for (const [at, line] of [
      [0, { type: "export", value: { ...FACTS, formatVersion: "2" } }],
      [1, { type: "head", value: null }],
      [2, { type: "record", value: { address: "Agent/default/a" } }],
      [2, { type: "record", value: "x" }],
      [2, { type: "end", value: 1 }],
      [2, { type: "toString", value: 1 }],
      [2, { type: "head", value: values[1]?.["value"] }],
      [2, { type: "hold", value: ["environment", "no JSON"] }],
      [
        2,
        { type: "apply", value: { serial: 99, planId: "p", planDigest: "d", commit: null, appliedAt: "x", facts: {} } },
      ],
    ] as const) {
      expect(parseExport(replaced(at, line)).outcome).toBe("refused");
    }
  });

  it("are sealed where there is a state key, and believed by who has it", () => {
    const [key, other] = ["k", "x"].map((letter) => parseStateKey(letter.repeat(40)));
    const [sealed, plain] = [key, undefined].map((by) => textOf(exportLines(copyOf(), FACTS, by).lines)) as [
      string,
      string,
    ];
    const verdict = (text: string, belief: Belief) => {
      const parsed = parseExport(text, belief);
      return parsed.outcome === "ok" ? "ok" : parsed.why;
    };
    expect(verdict(sealed, { key })).toBe("ok");
    expect(verdict(sealed, {})).toBe("ok");
    expect(verdict(sealed, { key: other })).toContain("another key");
    expect(verdict(plain, { key })).toContain("carries no seal");
    expect(verdict(plain, { key, acceptUnsealed: true })).toBe("ok");
    const lines = (text: string) => text.trimEnd().split("\n");
    const moved = exportLines({ ...copyOf(), plans: [] }, FACTS, undefined).lines.slice(0, -1);
    const seal: unknown = JSON.parse(lines(sealed).at(-1) ?? "{}").seal;
    const digest = digestText(moved.map((line) => `${line}\n`).join(""));
    const forged = textOf([...moved, canonicalJson({ type: "end", lines: moved.length, digest, seal })]);
    expect(verdict(forged, { key })).toContain("seal does not match");
  });

  it("leave records with secrets out, and name them, unless they are asked for", () => {
    const { lines, leftOut } = exportLines(copyOf(), { ...FACTS, secrets: false });
    expect(textOf(lines)).not.toContain("CANARY");
    expect(leftOut).toEqual([{ address: secret.address, digest: secret.digest, archived: false }]);
    const parsed = parseExport(textOf(lines));
    expect(parsed).toMatchObject({ outcome: "ok", leftOut });
    expect(textOf(exportLines(copyOf(), FACTS).lines)).toContain("CANARY");
  });
});

describeWithRedis("an environment", () => {
  let server: TestRedis;
  const worlds: World[] = [];
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(async () => {
    for (const world of worlds) await world.close();
    await server.stop();
  });

  function world(): World {
    const opened = openWorld(server.url);
    worlds.push(opened);
    return opened;
  }

  const importInto = ({ redis, env }: Pick<World, "redis" | "env">, text: string, acceptUnsealed = false) =>
    importEnvironment(
      { redis, env, holder: "import", lineages: processLineageMemory(), by: { kind: "local", name: "ada" } },
      text,
      { acceptUnsealed },
    );

  async function exported({ redis, env }: World, secrets = true): Promise<string> {
    const copy = await readEnvironment(redis, env);
    if (copy === null) throw new Error("there is no state");
    return textOf(exportLines(copy, { ...FACTS, env, secrets }).lines);
  }

  async function lived(): Promise<World> {
    const source = world();
    await source.apply([...base, secret, task]);
    await source.apply([
      ...base.slice(0, 1),
      manifest("Agent", "a", { model_ref: "m", prompt: "two" }),
      ...base.slice(2),
      secret,
      task,
    ]);
    await suspend(source.redis, source.env, null, { by: "Ada", since: "2026-11-01T12:00:00Z", reason: "looking" });
    return source;
  }

  it("comes back the same from an export: records, head, history, archive, intents, holds", async () => {
    const source = await lived();
    const target = world();
    expect(await importInto(target, await exported(source))).toMatchObject({ outcome: "imported", from: source.env });
    const [was, is] = [
      await readEnvironment(source.redis, source.env),
      await readEnvironment(target.redis, target.env),
    ];
    expect(is).toEqual({ ...was, head: { ...was?.head, env: target.env } });
    expect((await exported(target)).split("\n").slice(2, -2)).toEqual(
      (await exported(source)).split("\n").slice(2, -2),
    );
    expect(await target.redis.pttl(environmentKeys(target.env).records)).toBe(-1);
  });

  it("goes on after an import as if nothing had happened: no Task runs again, a used plan stays used", async () => {
    const source = world();
    const set = [...base, task];
    const plan = await source.planned(set);
    await source.applyPlan(plan, set);
    const target = world();
    await importInto(target, await exported(source));
    expect((await target.planned(set)).changes).toEqual([]);
    expect(await target.applyPlan(plan, set)).toEqual({ outcome: "used" });
    expect(
      await target.apply([...base, manifest("Task", "t", { system: "sys" }, { labels: { x: "y" } })]),
    ).toMatchObject({
      outcome: "applied",
      serial: 2,
      tasks: [],
    });
    expect(await listTasks(target.redis, target.env)).toEqual([]);
  });

  it("is sealed anew by the key of who imports, and readable by no other", async () => {
    const source = await lived();
    const key = (text: string) => parseStateKey(text.repeat(40));
    const target = { env: `${source.env}-sealed`, redis: connectRedis(server.url, "command", key("k")) };
    const other = connectRedis(server.url, "command", key("x"));
    const text = await exported(source);
    expect(await importInto(target, text)).toMatchObject({ outcome: "refused" });
    expect(await importInto(target, text, true)).toMatchObject({ outcome: "imported" });
    expect((await readState(target.redis, target.env)).records.size).toBe(5);
    expect((await readEnvironment(target.redis, target.env))?.applies).toHaveLength(2);
    await expect(readState(other, target.env)).rejects.toMatchObject({ code: "STATE_KEY_MISSING" });
    for (const redis of [target.redis, other]) redis.disconnect();
  });

  it("misses what was left out, and gets it with the next apply", async () => {
    const source = world();
    const set = [...base, secret];
    await source.apply(set);
    const target = world();
    expect(await importInto(target, await exported(source, false))).toMatchObject({
      outcome: "imported",
      leftOut: [{ address: secret.address }],
    });
    expect((await target.planned(set)).changes).toMatchObject([{ address: secret.address, action: "create" }]);
    expect(await target.apply(set)).toMatchObject({ outcome: "applied", serial: 2 });
  });

  it("is not imported into one that has anything, nor from lines that were touched: nothing is written", async () => {
    const source = await lived();
    const text = await exported(source);
    const [full, empty] = [world(), world()];
    await full.apply(base);
    const before = await readEnvironment(full.redis, full.env);
    expect(await importInto(full, text)).toEqual({ outcome: "not-empty" });
    expect(await readEnvironment(full.redis, full.env)).toEqual(before);
    expect(await importInto(empty, text.replace('"prompt":"two"', '"prompt":"evil"'))).toMatchObject({
      outcome: "refused",
      why: "it does not match its digest",
    });
    const cut = text.slice(0, text.length / 2);
    expect(await importInto(empty, cut)).toMatchObject({ outcome: "refused" });
    expect(await empty.redis.keys(`cw:{e:${empty.env}}*`)).toEqual([]);
  });

  it("is not imported while somebody else writes", async () => {
    const text = await exported(await lived());
    const target = world();
    const held = await acquireWriterLock(target.redis, { env: target.env, holder: "somebody", ttlMs: 60_000 });
    expect(await importInto(target, text)).toEqual({ outcome: "locked", holder: "somebody" });
    if (held.outcome === "acquired") await held.lock.release();
    expect(await importInto(target, text)).toMatchObject({ outcome: "imported" });
  });
});
