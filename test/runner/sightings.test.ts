// What a runner tells of the world beyond its tasks: the tools that servers offer, the secrets that it has no value for.
import { randomUUID } from "node:crypto";
import { beforeEach, expect, it } from "vitest";
import { launchDigest } from "../../contracts/mcp-launch.ts";
import { McpSupervisor } from "../../runner/mcp/supervisor.ts";
import { Sandbox } from "../../runner/processes/sandbox.ts";
import { openSecrets } from "../../runner/secrets/secrets.ts";
import { openSightings, type Sightings } from "../../runner/sightings.ts";
import { openToolBox } from "../../runner/tools/open-tool-box.ts";
import type { Redis } from "../../store/connect.ts";
import { announceRunner } from "../../store/runners.ts";
import { readMissingSecrets, readTools } from "../../store/sightings.ts";
import { describeWithRedis, withRedis } from "../redis.ts";
import { allGone, GROUND, hostileSpec, makeLog, never, secretsWith } from "./mcp/servers.ts";
import { entriesOf } from "./tools/entries.ts";
import { NO_CALLBACKS } from "./tools/remote-source.ts";

describeWithRedis("a runner's sightings", () => {
  let redis: Redis;
  let env: string;
  let sightings: Sightings;
  withRedis((opened) => {
    redis = opened;
  });
  beforeEach(async () => {
    env = `t-${randomUUID().slice(0, 8)}`;
    sightings = openSightings({ redis, env, id: "r1", now: () => new Date("2026-11-01T12:00:00Z") });
    const info = { id: "r1", startedAt: "", concurrency: 1, leaseMs: 1, running: 0, gpu: false, models: [] };
    await announceRunner(redis, env, info, 60_000);
  });

  it("hold the digests that pins would hold, so that a pin made of them lets the tool be called", async () => {
    const log = await makeLog();
    const mcp = new McpSupervisor();
    const open = (pins: Readonly<Record<string, string>>) => {
      const spec = { ...hostileSpec("normal", log.path), pins };
      const entries = entriesOf([["McpServer", "notes", spec]]);
      const onOpened = sightings.serverOpened.bind(sightings);
      const deps = {
        mcp,
        secrets: secretsWith({}),
        ground: { ...GROUND, privateHosts: [], sandbox: new Sandbox(""), callbacks: NO_CALLBACKS, wasmFolders: [] },
        onOpened,
        memory: () => undefined,
        hasSecret: () => false,
        caller: { task: "default/t", namespace: "default", agent: "a" },
      };
      return openToolBox({ entries, namespace: "default", toolNames: ["notes--write"] }, deps, never());
    };
    try {
      await (await open({})).close();
      await expect.poll(() => readTools(redis, env)).toHaveLength(1);
      const [seen] = await readTools(redis, env);
      expect(seen).toMatchObject({
        server: "notes",
        runner: "r1",
        launch: launchDigest(hostileSpec("normal", log.path)),
      });
      const box = await open({ write: seen?.tools["write"] ?? "" });
      const call = box
        .find("notes--write")
        ?.call({}, { idempotencyKey: "k", signal: never(), checkLease: () => undefined });
      await expect(call).resolves.toMatchObject({ isError: false });
      await expect
        .poll(async () => Object.keys((await readTools(redis, env))[0]?.texts ?? {}))
        .toEqual([seen?.tools["write"]]);
      await box.close();
    } finally {
      await mcp.close();
      await allGone(log);
      await log.remove();
    }
  });

  it("name a secret without a value, by its key and never more, until it is found", async () => {
    const entries = entriesOf([["Secret", "k", { from: { value: { env: "K_API_KEY" } } }]]);
    const watched = (variables: Readonly<Record<string, string>>) =>
      sightings.watch(openSecrets(entries, { variables, variablePatterns: ["*_API_KEY"], folders: [] }));
    await expect(watched({}).resolve("k", "default", "Tool t")).rejects.toMatchObject({ code: "SECRET_MISSING" });
    await expect
      .poll(() => readMissingSecrets(redis, env))
      .toEqual([
        {
          namespace: "default",
          name: "k",
          key: "value",
          runner: "r1",
          code: "SECRET_MISSING",
          at: "2026-11-01T12:00:00.000Z",
        },
      ]);
    expect(await watched({ K_API_KEY: "hunter2" }).resolve("k", "default", "Tool t")).toBe("hunter2");
    await expect.poll(() => readMissingSecrets(redis, env)).toEqual([]);
  });
});
