// `up` lets manifests use of this machine what its flags say, as `runner` does: secrets in files, sealed ones, images.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { describeWithRedis, type TestRedis, testRedis } from "../redis.ts";
import { standInEngine } from "../runner/engine.ts";
import { AGE_IDENTITY, sealedValue } from "../sealed.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const BOUND_MS = 60_000;
const IMAGE = "ghcr.io/acme/keep:1";

const manifests = (sealed: string, into: string): string => `kind: ModelEndpoint
metadata: {name: m}
spec:
  provider: mock
  default_model: mock
  options: {script: '[{"turn": 1, "call": [{"tool": "keep", "arguments": {}}]}, {"turn": 2, "say": "done"}]'}
---
kind: Agent
metadata: {name: a}
spec: {model_ref: m, prompt: p, tools: [keep]}
---
kind: AgentSystem
metadata: {name: s}
spec: {agents: [a]}
---
kind: Task
metadata: {name: once}
spec: {system: s}
---
kind: Tool
metadata: {name: keep}
spec:
  type: cli
  cli:
    image: ${IMAGE}
    command: /bin/sh
    args: [-c, 'echo "$FILED $SEALED" > ${into}']
    env_from: [{name: FILED, secret_ref: "keys:filed"}, {name: SEALED, secret_ref: "keys:sealed"}]
---
kind: Secret
metadata: {name: keys}
spec:
  from: {filed: {file: filed}}
  sealed:
    sealed: |
${sealed.replace(/^/gm, "      ")}
`;

describeWithRedis("up", () => {
  let server: TestRedis;
  const room: Room = commandRoom();
  beforeAll(async () => {
    server = await testRedis();
  });
  afterAll(async () => {
    room.remove();
    await server.stop();
  });

  it("opens secrets and runs images that its flags allow", { timeout: BOUND_MS }, async () => {
    const engine = standInEngine(room.folder);
    const kept = join(room.folder, "kept");
    const sealed = await sealedValue({ namespace: "default", name: "keys", key: "sealed" }, "sealed-value");
    room.write({
      "agents/a.yaml": manifests(sealed, kept),
      "secrets/filed": "filed-value",
      "runner.age": AGE_IDENTITY,
    });
    const words = ["up", "agents", "--redis", server.url, "--env", "up-test"];
    const allowed = ["--secret-dir", "secrets", "--age-identity", "runner.age", "--allow-image", "ghcr.io/acme/*"];
    const child = spawn(process.execPath, [...ENTRY, ...words, ...allowed], {
      cwd: room.folder,
      env: { PATH: `${engine.pathOf("docker")}:${process.env["PATH"]}`, CI: "true", HOME: room.folder },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    await vi.waitUntil(() => existsSync(kept) && readFileSync(kept, "utf8") !== "", {
      timeout: BOUND_MS,
      interval: 50,
    });
    child.kill("SIGTERM");
    await ended;
    expect(readFileSync(kept, "utf8")).toBe("filed-value sealed-value\n");
  });
});
