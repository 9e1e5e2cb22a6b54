// A bare repository with hooks, a clone that pushes to it, and what the pusher gets to read.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { type TestRepository, testRepository } from "../git.ts";
import { type TestRedis, testRedis } from "../redis.ts";
import { commandRoom, type Ran, type Room } from "./command.ts";

/** A push is three processes or more, each as slow as the machine is busy. */
vi.setConfig({ testTimeout: 60_000 });

export function model(name: string, defaultModel = "mock"): string {
  return `kind: ModelEndpoint\nmetadata: {name: ${name}}\nspec: {provider: mock, default_model: ${defaultModel}}\n`;
}

/** So many files of models, by path. */
export function models(count: number): Record<string, string> {
  const names = Array.from({ length: count }, (_, index) => `m${index}`);
  return Object.fromEntries(names.map((name) => [`agents/${name}.yaml`, model(name)]));
}

export interface Pushed {
  readonly code: number | null;
  /** All that git told the pusher. */
  readonly text: string;
}

export interface PushRoom {
  readonly env: string;
  readonly repository: TestRepository;
  /** Runs the command beside the repositories. */
  readonly room: Room;
  /** For the branch and environment of this room. */
  install(...words: readonly string[]): Promise<Ran>;
  /** Brings everything to where a first push through the hooks does, which takes longer. */
  deploy(): Promise<void>;
  /** `git push …` as a person types it. */
  push(...words: readonly string[]): Promise<Pushed>;
  /** Puts an executable file into the bare repository's hooks. */
  writeHook(name: string, script: string): Promise<void>;
  /** Names of ModelEndpoints that the environment has. */
  applied(env?: string): Promise<string[]>;
  remove(): Promise<void>;
}

export async function pushRoom(redisUrl: string): Promise<PushRoom> {
  const env = `t-${randomUUID().slice(0, 8)}`;
  const repository = await testRepository({ "agents/m.yaml": model("m") });
  const room = commandRoom({ COUNTWHEEL_REDIS_URL: redisUrl });
  const install: PushRoom["install"] = (...words) =>
    room.run("hook", "install", repository.bare, "--env", env, "--path", "agents", ...words);
  return {
    env,
    repository,
    room,
    install,
    async deploy() {
      await repository.push();
      const source = ["--repo", repository.bare, "--ref", "main", "--path", "agents"];
      expect(await room.run("apply", ...source, "--env", env, "--yes")).toMatchObject({ code: 0 });
      await install();
    },
    push: (...words) => runPush(repository, words),
    async writeHook(name, script) {
      const file = join(repository.bare, "hooks", name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `#!/bin/sh\n${script}\n`);
      await chmod(file, 0o755);
    },
    async applied(other = env) {
      const { stdout } = await room.run("get", "modelendpoints", "--env", other, "-o", "json");
      const { items } = JSON.parse(stdout) as { readonly items: readonly { readonly metadata: { name: string } }[] };
      return items.map((item) => item.metadata.name);
    },
    async remove() {
      room.remove();
      await repository.remove();
    },
  };
}

async function runPush({ folder }: TestRepository, words: readonly string[]): Promise<Pushed> {
  const child = spawn("git", ["push", ...words], {
    cwd: folder,
    // The hooks see next to nothing: no folder of ours on the PATH, nobody's configuration or Redis.
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (bytes: Buffer) => (text += bytes.toString("utf8")));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, text };
}

/** Filled before each test. */
export interface PushWorld {
  server: TestRedis;
  room: PushRoom;
}

export function usePushRoom(): PushWorld {
  const here = {} as PushWorld;
  beforeAll(async () => {
    here.server = await testRedis();
  });
  afterAll(() => here.server.stop());
  beforeEach(async () => {
    here.room = await pushRoom(here.server.url);
  });
  afterEach(() => here.room.remove());
  return here;
}
