// CLI tools in containers, on a real engine: what a command sees there, and that it is gone in every end.
import { afterEach, expect, test } from "vitest";
import { LeaseLost } from "../../../contracts/failure.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { callCliTool } from "../../../runner/tools/cli/cli-tool.ts";
import { describeWithPodman, IMAGE, ownContainers, PODMAN_PATH } from "../../podman.ts";
import { GROUND, never, secretsWith } from "../mcp/servers.ts";

const SECRET = "container-canary-77aa";
const BOUND_MS = 60_000;
const containers = new Containers({ PATH: PODMAN_PATH ?? "" }, ["*"], GROUND.privateFiles);

function call(cli: Partial<NonNullable<ToolSpec["cli"]>>, args = {}, timeout = "20s", signal = never()) {
  const source = {
    namespace: "default",
    label: "Tool default/look",
    spec: { type: "cli", cli: { command: "busybox", image: IMAGE, ...cli }, runtime: { timeout } } as const,
    secrets: secretsWith({ "keys:token": SECRET }),
    ground: { ...GROUND, containers },
  };
  return callCliTool(source, args, { idempotencyKey: "key-1", signal, checkLease: () => undefined }).catch(
    ({ code, message, details }) => ({ code, message, details }),
  );
}

const script = (text: string) => ({ args: ["sh", "-c", text] });

describeWithPodman("a CLI tool in a container", () => {
  afterEach(async () => {
    expect(await ownContainers()).toEqual([]);
  }, BOUND_MS);

  test("has its input, its secrets and its bounds, and nothing of the machine", { timeout: BOUND_MS }, async () => {
    const look = `
      busybox cat; echo
      echo "token $TOKEN key $COUNTWHEEL_IDEMPOTENCY_KEY in $(busybox pwd) as $(busybox id -u)"
      echo "root-write $( (echo x > /here) 2>&1 )"
      echo "tmp-write $( (echo x > /tmp/here && busybox cat /tmp/here) 2>&1 )"
      echo "network $(busybox ls /sys/class/net | busybox tr '\\n' ' ')"
      echo "capabilities $(busybox grep CapBnd /proc/self/status | busybox cut -f2)"
      echo "pids $(busybox cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null)"
      exit 4`;
    const answer = await call(
      {
        ...script(look),
        stdin_from_input: true,
        env_from: [{ name: "TOKEN", secret_ref: "keys", key: "token" }],
        resources: { pids_limit: 20 },
        working_dir: "/bin",
      },
      { word: "x" },
    );
    expect(answer).toMatchObject({ isError: true });
    expect((answer as { text: string }).text.trim().split("\n")).toEqual([
      "exit code 4",
      '{"word":"x"}',
      `token ${SECRET} key key-1 in /bin as 1000`,
      expect.stringMatching(/^root-write .*(Read-only file system|Permission denied)/),
      "tmp-write x",
      "network lo ",
      "capabilities 0000000000000000",
      "pids 20",
    ]);
  });

  test("says which program its image does not have", { timeout: BOUND_MS }, async () => {
    expect(await call({ command: "no-such-program" })).toMatchObject({
      text: expect.stringMatching(/^exit code 127\n[^]*no-such-program/),
      isError: true,
    });
  });

  const stubborn = script("trap '' TERM; while :; do busybox sleep 1; done");

  test("is gone when its time is over", { timeout: BOUND_MS }, async () => {
    expect(await call(stubborn, {}, "3s")).toMatchObject({ code: "TOOL_TIMEOUT" });
  });

  test("is gone when it is cancelled", { timeout: BOUND_MS }, async () => {
    const cancel = new AbortController();
    const answer = call(stubborn, {}, "50s", cancel.signal);
    await expect.poll(() => ownContainers(), { timeout: 20_000 }).toHaveLength(1);
    cancel.abort(new LeaseLost("a001", "the lease is gone"));
    expect(await answer).toMatchObject({ code: "LEASE_LOST" });
  });
});
