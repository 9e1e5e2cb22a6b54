// One environment to hurt: a repository whose manifests were applied, a commit that waits to be applied and that deletes
// a manifest, and a look at it all that answers in one word. What a fault does is read off that word and the records.
import { randomUUID } from "node:crypto";
import { cpSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { Problem } from "../../contracts/problem.ts";
import type { Writer } from "../../reconciler/apply/apply-plan.ts";
import { type LineageMemory, processLineageMemory } from "../../reconciler/apply/lineage-memory.ts";
import { openSource, readCommitSource } from "../../reconciler/environment-source.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import type { FilesLoader } from "../../reconciler/source/load-source.ts";
import type { SourceAnswer } from "../../reconciler/source/source.ts";
import { type TickOptions, type TickOutcome, type TickSource, tick } from "../../reconciler/tick.ts";
import { checkServer, connectRedis, type Redis } from "../../store/connect.ts";
import { type ActivationQueue, openQueue } from "../../store/queue.ts";
import { readState } from "../../store/state.ts";
import { runGit, TEST_GIT, type TestFiles, testRepository, writeFiles } from "../git.ts";
import { KIT } from "../reading-kit.ts";
import { TOOL } from "../reconciler/plan/builders.ts";
import { type TestRedis, testRedis } from "../redis.ts";

export const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";

export function agent(name: string, prompt = "p"): string {
  return `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: ${prompt}}\n`;
}

export const GONE = "Agent/default/gone";

/** `gone.yaml` is what the waiting commit deletes. */
const FILES: TestFiles = {
  "agents/m.yaml": MODEL,
  "agents/a.yaml": agent("a"),
  "agents/gone.yaml": agent("gone"),
  "agents/team/b.yaml": agent("b"),
  "agents/team/c.yaml": agent("c"),
};

/** Made once for a file of tests, and copied for each: thirty git processes become none. */
export interface Template {
  /** The first commit is applied, and the branch stands at the one that waits. */
  open(redisUrl: string): Promise<FaultWorld>;
  remove(): Promise<void>;
}

export async function makeTemplate(): Promise<Template> {
  const origin = await testRepository(FILES);
  await origin.push();
  const root = join(origin.folder, "..");
  const spec = { kind: "commit", repo: origin.bare, ref: "main", path: "agents" } as const;
  const tools = { git: TEST_GIT, mirrorFolder: root, loader: createLoader({}, KIT), onProblem: () => undefined };
  const first = await readCommitSource(spec, tools, new AbortController().signal);
  await origin.commit({ "agents/gone.yaml": null });
  await origin.push();
  return {
    async open(redisUrl) {
      const copy = await mkdtemp(join(tmpdir(), "cw-fault-"));
      // All at once: each file by itself would pass through the pool of threads ten times.
      cpSync(root, copy, { recursive: true });
      return openFaultWorld(copy, redisUrl, first);
    },
    remove: () => origin.remove(),
  };
}

/** A world for each of the tests around: `opened` gets it, and the server that all have, before the test. */
export function withFaultWorlds(opened: (world: FaultWorld, server: TestRedis) => Promise<void> | void): void {
  let [server, template, world]: [TestRedis?, Template?, FaultWorld?] = [];
  beforeAll(async () => {
    [server, template] = await Promise.all([testRedis(), makeTemplate()]);
  });
  afterAll(() => Promise.all([server?.stop(), template?.remove()]));
  beforeEach(async () => {
    if (server === undefined || template === undefined) throw new Error("there is no server");
    world = await template.open(server.url);
    await opened(world, server);
  });
  afterEach(() => world?.close());
}

export interface FaultWorld {
  readonly bare: string;
  readonly mirrorFolder: string;
  readonly env: string;
  readonly redis: Redis;
  /** What the next look uses; a fault may put something else in its place. */
  readonly aim: Aim;
  git(...args: string[]): Promise<string>;
  write(files: TestFiles): Promise<void>;
  /** Commits the files and pushes them. */
  push(files: TestFiles): Promise<string>;
  /** Looks once, as `reconcile --once` does: at the server, and then a tick. */
  look(): Promise<Look>;
  /** Addresses and contents of the records, or why they cannot be read. */
  records(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

export interface Aim {
  repo: string;
  ref: string;
  path: string;
  /** The search path that git is found on. */
  gitPath: string;
  redis: Redis;
  signal: AbortSignal;
  /** Whether GitHub is to hear of applies. */
  reports: boolean;
}

export interface Look {
  /** `applied`, `unavailable REF_NOT_FOUND`, `invalid SYNTAX`, `held lineage`, `failed REDIS_FULL`. */
  readonly word: string;
  /** Undefined where there was nothing to plan. */
  readonly plan: Plan | undefined;
}

async function openFaultWorld(root: string, redisUrl: string, first: SourceAnswer): Promise<FaultWorld> {
  const [folder, bare, mirrorFolder] = [join(root, "work"), join(root, "remote.git"), join(root, "mirrors")];
  const env = `f-${randomUUID().slice(0, 8)}`;
  const redis = connectRedis(redisUrl, "command");
  const signal = new AbortController().signal;
  const aim: Aim = { repo: bare, ref: "main", path: "agents", gitPath: TEST_GIT.path, redis, signal, reports: false };
  const kept = { env, mirrorFolder, lineages: processLineageMemory(), loader: createLoader({}, KIT) };
  const git = (...args: string[]): Promise<string> => runGit(folder, args);
  expect((await look(aim, kept, { read: async () => first, history: async () => "first" })).word).toBe("applied");
  return {
    bare,
    mirrorFolder,
    env,
    redis,
    aim,
    git,
    write: (files) => writeFiles(folder, files),
    async push(files) {
      await writeFiles(folder, files);
      await git("add", "--all");
      await git("commit", "--quiet", "--allow-empty", "--message", "change");
      await git("push", "--quiet", bare, "HEAD:refs/heads/main");
      return git("rev-parse", "HEAD");
    },
    look: () => look(aim, kept),
    async records() {
      const { records } = await readState(redis, env);
      return Object.fromEntries([...records].map(([address, { digest }]) => [address, digest]));
    },
    async close() {
      redis.disconnect();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What stays from look to look, as in a process that runs on. */
interface Kept {
  readonly env: string;
  readonly mirrorFolder: string;
  readonly lineages: LineageMemory;
  readonly loader: FilesLoader;
}

async function look(aim: Aim, kept: Kept, source?: TickSource): Promise<Look> {
  let plan: Plan | undefined;
  const queue = openQueue(aim.redis, kept.env);
  const options = tickOptions(aim, kept, queue);
  try {
    await checkServer(aim.redis, { allowUnprotected: true });
    const onPlan = (made: Plan): void => {
      plan = made;
    };
    const outcome = await tick({ ...options, ...(source === undefined ? {} : { source }), onPlan });
    return { word: wordOf(outcome), plan };
  } catch (error) {
    // Anything else is a bug, and fails the test.
    if (!(error instanceof PermanentFailure || error instanceof TransientFailure)) throw error;
    return { word: `failed ${error.code}`, plan };
  } finally {
    await queue.close();
  }
}

function tickOptions(aim: Aim, kept: Kept, queue: ActivationQueue): Omit<TickOptions, "onPlan"> {
  const { env, mirrorFolder, lineages, loader } = kept;
  const { repo, ref, path, redis, signal } = aim;
  const git = { path: aim.gitPath };
  const source = openSource(
    { kind: "commit", repo, ref, path },
    { git, mirrorFolder, loader, onProblem: () => undefined },
  );
  const writer: Writer = {
    redis,
    queue,
    env,
    lineages,
    signal,
    now: () => new Date("2026-11-01T12:00:00Z"),
    holder: `test/${randomUUID()}`,
    lockWaitMs: 0,
    newLineage: randomUUID,
    reports: aim.reports,
  };
  return { source, writer, tool: TOOL, newId: randomUUID, allowHistory: [], signal };
}

function wordOf(outcome: TickOutcome): string {
  switch (outcome.outcome) {
    case "unavailable":
      return `unavailable ${outcome.reason.code}`;
    case "invalid":
      return `invalid ${[...new Set(outcome.problems.filter(isError).map(({ code }) => code))].join(" ")}`;
    case "held":
      return `held ${outcome.hold.why}`;
    case "unchanged":
    case "would-apply":
    case "applied":
    case "overtaken":
    case "locked":
      return outcome.outcome;
  }
}

function isError({ severity }: Problem): boolean {
  return severity === "error";
}

/** What an apply of this plan would remove. */
export function prunes({ plan }: Look): string[] {
  const open = plan?.changes.filter(({ action, blocked }) => action === "prune" && blocked === undefined) ?? [];
  return open.map(({ address }) => address);
}
