// The audit trail from commit to result: signed, exported, verified offline, and every fault in an export named.
import type { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { publicKey } from "../../cli/audit-key.ts";
import { runApply } from "../../cli/commands/apply.ts";
import { type AuditVerifyOptions, runAuditVerify } from "../../cli/commands/audit.ts";
import { type AuditExportOptions, runAuditExport } from "../../cli/commands/audit-export.ts";
import { runAuditKeygen } from "../../cli/commands/audit-keygen.ts";
import { runAuditPrune } from "../../cli/commands/audit-prune.ts";
import { runResume } from "../../cli/commands/resume.ts";
import { runSuspend } from "../../cli/commands/suspend.ts";
import { readConfig } from "../../cli/config.ts";
import { readLines } from "../../cli/read-lines.ts";
import { type AuditEntry, chainEntry } from "../../contracts/audit/entry.ts";
import { type ExportLine, parseLine, renderLine } from "../../contracts/audit/export-lines.ts";
import { type ExportVerdict, ExportVerifier } from "../../contracts/audit/verify-export.ts";
import { chainEvents, chainStart, type TraceDraft, type TraceEvent } from "../../contracts/trace.ts";
import { dropTask } from "../../store/drop-task.ts";
import { taskKeys } from "../../store/keys.ts";
import { listTasks } from "../../store/tasks.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../git.ts";
import * as fc from "../property.ts";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { openWorld, type World } from "../runner/world.ts";
import { listen } from "./listen.ts";

const SET = `kind: ModelEndpoint
metadata: {name: m}
spec: {provider: mock, default_model: mock}
---
kind: Agent
metadata: {name: a}
spec: {model_ref: m, prompt: Say it — "plainly" 𝄞}
---
kind: AgentSystem
metadata: {name: sys}
spec: {agents: [a]}
`;
const task = (name: string): string => `---\nkind: Task\nmetadata: {name: ${name}}\nspec: {system: sys}\n`;

describeWithRedis("the audit trail", () => {
  let server: TestRedis;
  let world: World;
  let repository: TestRepository;
  let text: string;

  /** Two commits, three tasks, a suspension, and heads that are signed. */
  beforeAll(async () => {
    server = await testRedis();
    world = openWorld(server.url);
    repository = await testRepository({ "agents/set.yaml": SET + task("first") });
    expect(await runAuditKeygen(host().host, { file: "audit.key", output: "text" })).toBe(0);
    await world.runner();
    await apply();
    await runSuspend(host().host, { ...common(), reason: "a look" });
    await runResume(host().host, common());
    await repository.commit({ "agents/set.yaml": SET + task("first") + task("second") + task("third") });
    await apply();
    for (const { namespace, name } of await listTasks(world.redis, world.env))
      await world.ended({ env: world.env, namespace, name });
    text = await exported("audit.jsonl");
  });
  afterAll(async () => {
    await world.close();
    await repository.remove();
    await server.stop();
  });

  function host() {
    const told = listen(repository.folder);
    const { config } = readConfig({ PATH: TEST_GIT.path, COUNTWHEEL_AUDIT_KEY: "audit.key" });
    return { ...told, host: { ...told.host, config } };
  }
  const common = () => ({ env: world.env, redis: server.url, output: "text", verbose: false }) as const;

  async function apply(): Promise<void> {
    const said = host();
    const flags = { ...common(), repo: repository.folder, ref: "main", path: "agents", yes: true, as: "Ada" };
    expect([await runApply(said.host, flags), said.err()]).toEqual([0, expect.any(String)]);
  }
  async function exported(file: string, more: Partial<AuditExportOptions> = {}): Promise<string> {
    expect(await runAuditExport(host().host, { ...common(), file, ...more })).toBe(0);
    return await readFile(join(repository.folder, file), "utf8");
  }
  async function verify(more: Partial<AuditVerifyOptions>) {
    const said = host();
    const code = await runAuditVerify(said.host, { ...common(), redis: "redis://127.0.0.1:1", ...more });
    return { code, out: said.out(), err: said.err() };
  }

  it("holds from commit to result, offline, with nothing but the public key", async () => {
    const { code, out } = await verify({ what: "audit.jsonl", publicKey: "audit.key.pub" });
    expect(out).toMatch(/^3 traces with \d+ events, 2 applies, \d+ entries of the audit log: intact\.\n/);
    expect(out).toMatch(/signed heads?; the last covers entry \d+ and all before it\.\n$/);
    expect(code).toBe(0);
    const kinds = entriesOf(text).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "applied" || kind === "suspended" || kind === "resumed")).toEqual([
      "applied",
      "suspended",
      "resumed",
      "applied",
    ]);
    expect(kinds.filter((kind) => kind === "task.ended")).toHaveLength(3);
    const [first] = entriesOf(text).filter(({ kind }) => kind === "applied");
    const log = await repository.git("log", "--format=%H");
    expect(first).toMatchObject({ serial: 1, person: "Ada", commit: log.split("\n")[1] });
    expect(first?.["policyDigest"]).toMatch(/^sha256:/);
  });

  it("is verified in Redis, too, as a whole and task by task", async () => {
    const whole = await verify({ redis: server.url, publicKey: "audit.key.pub" });
    expect([whole.code, whole.out]).toEqual([0, expect.stringContaining("intact")]);
    const one = await verify({ redis: server.url, what: "first" });
    expect([one.code, one.out]).toEqual([0, expect.stringContaining("default/first")]);
  });

  it("is not believed when another key signed it, and says so when nobody vouched for the key", async () => {
    await runAuditKeygen(host().host, { file: "other.key", output: "json" });
    const other = await verify({ what: "audit.jsonl", publicKey: "other.key.pub" });
    expect([other.code, other.out]).toEqual([1, expect.stringContaining("signed with another key")]);
    const unvouched = await verify({ what: "audit.jsonl" });
    expect([unvouched.code, unvouched.err]).toEqual([0, expect.stringContaining("--public-key")]);
    await expect(runAuditKeygen(host().host, { file: "other.key", output: "text" })).rejects.toThrow(
      "is there already",
    );
    await expect(verify({ what: "audit.jsonl", publicKey: "agents/set.yaml" })).rejects.toThrow("--public-key");
  });

  it("finds every flipped byte and names its line; the same JSON in other bytes is no change", async () => {
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ mask;
        const verdict = await verdictOfBytes(flipped);
        if (isSameJson(bytes, flipped)) {
          expect(verdict.findings).toEqual([]);
          return;
        }
        const line = bytes.subarray(0, at).filter((byte) => byte === 0x0a).length + 1;
        expect(verdict.valid).toBe(false);
        expect(verdict.findings[0]?.line).toBe(line);
        expect(verdict.findings[0]?.what).not.toBe("");
      }),
      { numRuns: fc.cases(50) },
    );
  });

  it("finds every dropped, moved, doubled or cut line and names it, also where the lines are numbered anew", async () => {
    const lines = text.trimEnd().split("\n");
    const index = fc.nat(lines.length - 1);
    const damage = fc.oneof(
      index.map((at) => ({ at: [at], damaged: lines.toSpliced(at, 1) })),
      fc.tuple(index, index).map(([at, to]) => {
        const [moved = ""] = lines.slice(at, at + 1);
        return { at: [at, to], damaged: lines.toSpliced(at, 1).toSpliced(to, 0, moved) };
      }),
      index.map((at) => ({ at: [at + 1], damaged: lines.toSpliced(at, 0, lines[at] ?? "") })),
      index.map((at) => ({ at: [at], damaged: lines.slice(0, at) })),
    );
    fc.assert(
      fc.property(damage, fc.boolean(), ({ at, damaged }, anew) => {
        if (damaged.join("\n") === lines.join("\n")) return;
        const verdict = verdictOf(anew ? numberedAnew(damaged) : damaged);
        expect(verdict.valid).toBe(false);
        const [first] = verdict.findings;
        // The line that is wrong, or the one before which it is missing.
        const isNamed = at.some((index) => Math.abs((first?.line ?? Number.NaN) - (index + 1)) <= 1);
        if (!anew) expect([isNamed, first]).toEqual([true, first]);
      }),
      { numRuns: fc.cases(50) },
    );
  });

  it("names the event, the entry and the apply that are gone, the ones that changed places, and the end that was cut", () => {
    const lines = text.trimEnd().split("\n");
    const at = (kind: ExportLine["kind"], nth: number): number =>
      lines.flatMap((line, index) => (line.includes(`"kind":"${kind}"`) && lineOf(line).kind === kind ? [index] : []))[
        nth
      ] ?? -1;
    const event = at("event", 2);
    const without = (index: number): string[] => lines.toSpliced(index, 1);
    const first = (damaged: readonly string[]) => {
      const [finding] = verdictOf(damaged).findings;
      return `${finding?.line} ${finding?.reason}: ${finding?.what}`;
    };
    expect(first(without(event))).toBe(`${event + 1} dropped: event 3 of default/first`);
    expect(first(without(at("entry", 1)))).toBe(`${at("entry", 1) + 1} dropped: entry 2 of the audit log`);
    expect(first(without(at("apply", 0)))).toBe(`${at("apply", 0) + 1} dropped: apply 1`);
    expect(first(without(at("task", 1)))).toBe(`${at("task", 1) + 1} dropped: the line of default/second`);
    const swapped = lines.toSpliced(event, 2, lines[event + 1] ?? "", lines[event] ?? "");
    expect(verdictOf(swapped).findings).toMatchObject([
      { line: event + 2, reason: "reordered", what: "event 3 of default/first" },
    ]);
    expect(first(lines.slice(0, event))).toBe(`${event + 1} cut: event 3 of default/first`);
    expect(first(lines.slice(0, at("entry", 2)))).toBe(`${at("entry", 2) + 1} cut: entry 3 of the audit log`);
    expect(first(lines.slice(0, -1))).toMatch(/ cut: /);
    const block = lines.filter((line) => !line.includes('"task":"default/second"') || lineOf(line).kind === "entry");
    expect(verdictOf(numberedAnew(block)).findings).toMatchObject([
      { reason: "dropped", what: "the export" },
      { reason: "dropped", what: "the trace of default/second" },
    ]);
  });

  it("finds a trace, a log and an apply that were made anew, whole in themselves, but for what the others say", () => {
    const values = text.trimEnd().split("\n").map(lineOf);
    const rewritten = (change: (line: ExportLine) => ExportLine | undefined): ExportVerdict =>
      verdictOf(values.flatMap((line) => change(line) ?? []).map((line, index) => renderLine(index + 1, line)));
    // Somebody who can compute hashes, but cannot sign: the trace of one task, from its start.
    const events = values.flatMap((line) =>
      line.kind === "event" && line.value.task === "default/first" ? [line.value] : [],
    );
    const drafts = events.map(
      ({ seq: _seq, task: _task, prev: _prev, hash: _hash, ...data }) => ({ data }) as unknown as TraceDraft,
    );
    const forged = chainEvents("default/first", { seq: 0, head: chainStart("default/first") }, drafts.toSpliced(1, 1));
    const head = forged.at(-1);
    const own = new Map(forged.map((event) => [event.seq, JSON.parse(event.text) as TraceEvent]));
    const trace = rewritten((line) => {
      if (line.kind === "task" && line.value.task === "default/first")
        return { ...line, value: { ...line.value, events: forged.length, head: head?.hash ?? "" } };
      if (line.kind !== "event" || line.value.task !== "default/first") return line;
      const value = own.get(line.value.seq);
      return value === undefined ? undefined : { kind: "event", value };
    });
    expect(trace.findings[0]).toMatchObject({ reason: "cut", what: "event 9 of default/first" });
    // The log from its start, with the signatures that there were.
    const chainedAnew = (isKept: (kind: string) => boolean): string[] => {
      let after: AuditEntry | undefined;
      const lines = values.flatMap((line): ExportLine[] => {
        if (line.kind !== "entry") return [line];
        const { number, at, prev, hash: _hash, ...facts } = line.value;
        if (!isKept(facts.kind)) return [];
        const told = facts.kind === "suspended" ? { ...facts, by: "nobody" } : facts;
        after = chainEntry(after ?? { number: number - 1, hash: prev }, at, told);
        return [{ kind: "entry", value: after }];
      });
      const end: ExportLine = { kind: "end", value: { lines: lines.length, tasks: 3 } };
      return [...lines.slice(0, -1), end].map((line, index) => renderLine(index + 1, line));
    };
    const log = verdictOf(chainedAnew(() => true));
    expect(log.findings[0]).toMatchObject({ reason: "forged", detail: "the signature of this head does not hold" });
    const unsigned = chainedAnew((kind) => kind !== "head.signed");
    expect(verdictOf(unsigned).findings).toEqual([]);
    const key = publicKey(host().host, "audit.key.pub");
    expect(verdictOf(unsigned, key).findings).toMatchObject([{ reason: "forged", what: "the audit log" }]);
    const apply = rewritten((line) =>
      line.kind === "apply" ? { ...line, value: { ...line.value, commit: "f00" } } : line,
    );
    expect(apply.findings.map(({ reason, detail }) => [reason, detail])).toEqual([
      ["contradicted", "the audit log knows another one"],
      ["contradicted", "the audit log knows another one"],
    ]);
  });

  it("exports one task, and what ended since; drops and prunes leave a trail that still holds", async () => {
    const one = await exported("one.jsonl", { task: "second" });
    expect(tasksOf(one)).toEqual(["default/second"]);
    expect((await verify({ what: "one.jsonl", publicKey: "audit.key.pub" })).code).toBe(0);
    expect(tasksOf(await exported("since.jsonl", { since: 0 }))).toEqual([]);
    expect((await verify({ what: "since.jsonl" })).code).toBe(0);
    expect(await dropTask(world.redis, { env: world.env, namespace: "default", name: "third" })).toBe("dropped");
    expect(tasksOf(await exported("less.jsonl"))).toEqual(["default/first", "default/second"]);
    expect((await verify({ what: "less.jsonl", publicKey: "audit.key.pub" })).code).toBe(0);
    await expect(runAuditPrune(host().host, { ...common(), before: 0, yes: false })).rejects.toThrow("--yes");
    await expect(runAuditPrune(host().host, { ...common(), before: 3_600_000, yes: true })).rejects.toThrow(
      "no signed head",
    );
    const later = { ...host().host, now: () => new Date(Date.now() + 60_000) };
    expect(await runAuditPrune(later, { ...common(), before: 0, yes: true })).toBe(0);
    const pruned = await exported("pruned.jsonl");
    expect(entriesOf(pruned)[0]?.kind).toBe("head.signed");
    expect((await verify({ what: "pruned.jsonl", publicKey: "audit.key.pub" })).out).toContain("intact");
    const [begin] = entriesOf(pruned);
    const lines = pruned
      .trimEnd()
      .split("\n")
      .filter((line) => !line.includes(String(begin?.["signature"])));
    expect(verdictOf(numberedAnew(lines)).findings[0]).toMatchObject({ reason: "dropped" });
    const first = taskKeys({ env: world.env, namespace: "default", name: "first" });
    const [, second] = await world.redis.xrange(first.journal, "-", "+");
    expect(await world.redis.xdel(first.journal, second?.[0] ?? "")).toBe(1);
    const said = await verify({ redis: server.url });
    expect([said.code, said.out]).toEqual([1, expect.stringContaining("dropped: event 2 of default/first")]);
  });
});

function lineOf(line: string): ExportLine {
  const parsed = parseLine(line);
  if (parsed.outcome !== "read") throw new Error(`no line of an export: ${line}`);
  return parsed.line;
}

function entriesOf(text: string): AuditEntry[] {
  const lines = text.trimEnd().split("\n").map(lineOf);
  return lines.flatMap((line) => (line.kind === "entry" ? [line.value] : []));
}

function tasksOf(text: string): string[] {
  const lines = text.trimEnd().split("\n").map(lineOf);
  return lines.flatMap((line) => (line.kind === "task" ? [line.value.task] : []));
}

function numberedAnew(lines: readonly string[]): string[] {
  return lines.map((line, index) => renderLine(index + 1, lineOf(line)));
}

function verdictOf(lines: readonly string[], key?: KeyObject): ExportVerdict {
  const verifier = new ExportVerifier(key);
  for (const line of lines) verifier.take(line);
  return verifier.finish();
}

async function verdictOfBytes(bytes: Buffer): Promise<ExportVerdict> {
  const verifier = new ExportVerifier();
  for await (const line of readLines([bytes])) verifier.take(line);
  return verifier.finish();
}

/** Whitespace between values, and escapes of the same characters. */
function isSameJson(a: Buffer, b: Buffer): boolean {
  const values = (bytes: Buffer): string => {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return JSON.stringify(
      text
        .replace(/\n$/, "")
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    );
  };
  try {
    return values(a) === values(b);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}
