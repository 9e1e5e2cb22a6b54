// Servers that run from an image, on a real engine: what a container sees, and that it is gone in every end.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { describeWithPodman, IMAGE, ownContainers, PODMAN_PATH, podman } from "../../podman.ts";
import { GROUND, never, planFor, secretsWith, serverSpec } from "./servers.ts";

const SECRET = "container-canary-5e77";
const BOUND_MS = 60_000;

let supervisor: McpSupervisor;
beforeEach(() => {
  supervisor = new McpSupervisor();
});
afterEach(async () => {
  await supervisor.close();
  await expect.poll(() => ownContainers(), { timeout: 20_000 }).toEqual([]);
}, BOUND_MS);

async function acquire(more: Readonly<Record<string, unknown>> = {}) {
  const env = [
    { name: "TOKEN", secret_ref: "token" },
    { name: "TOKEN_FILE", secret_ref: "token", mount_path: "/secrets/gcp/token.json" },
  ];
  const spec = serverSpec({
    image: IMAGE,
    env,
    reconnect: { max_attempts: 1 },
    resources: { pids_limit: 20 },
    ...more,
  });
  const containers = new Containers({ PATH: PODMAN_PATH ?? "" }, [IMAGE], GROUND.privateFiles);
  return supervisor.acquire(await planFor(spec, secretsWith({ token: SECRET }), { containers }), never());
}

describeWithPodman("a server from an image", () => {
  test("has its secrets, and nothing of the machine: no network, no rights, nothing to write but /tmp", {
    timeout: BOUND_MS,
  }, async () => {
    const handle = await acquire();
    const { text } = await handle.call("look", {}, { timeoutMs: 20_000, idempotencyKey: "k", signal: never() });
    const told = Buffer.from(text, "base64").toString().trim().split("\n");
    expect(told).toEqual([
      `token ${SECRET}`,
      `file /secrets/gcp/token.json ${SECRET}`,
      expect.stringMatching(/^file-write .*(Read-only file system|Permission denied)/),
      expect.stringMatching(/^root-write .*(Read-only file system|Permission denied)/),
      "tmp-write x",
      "user 1000",
      "network lo ",
      "capabilities 0000000000000000",
      "no-new-privileges 1",
      "pids 20",
    ]);
    const [name = ""] = await ownContainers();
    const { stdout } = await podman(
      "inspect",
      name,
      "--format",
      "{{.HostConfig.LogConfig.Type}} {{.HostConfig.Memory}}",
    );
    expect(stdout.trim()).toBe(`none ${1024 ** 3}`);
  });

  test.each(["polite", "stubborn"])("that is %s is gone once it is stopped", { timeout: BOUND_MS }, async (manner) => {
    await acquire({ args: [manner] });
    expect(await ownContainers()).toHaveLength(1);
    await supervisor.close();
    expect(await ownContainers()).toEqual([]);
  });

  test("is gone once its container was killed, and is started anew", { timeout: BOUND_MS }, async () => {
    const handle = await acquire();
    const [name = ""] = await ownContainers();
    await podman("kill", name);
    const look = async (): Promise<string> => {
      const { text } = await handle.call("look", {}, { timeoutMs: 20_000, idempotencyKey: "k", signal: never() });
      return Buffer.from(text, "base64").toString();
    };
    // A call that comes before the end is noticed fails with it.
    expect(await vi.waitFor(look, { timeout: 20_000, interval: 100 })).toContain(SECRET);
    await vi.waitUntil(async () => !(await ownContainers()).includes(name), { timeout: 20_000, interval: 100 });
  });
});
