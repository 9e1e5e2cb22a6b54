// Logins of registries, by real clients: Docker's asks a stand-in for its engine, Podman asks a stand-in for a registry.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { access } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { registryConfig } from "../../../runner/processes/containers/registry-login.ts";
import { ownerName } from "../../../runner/processes/owner.ts";
import { describeWithPodman, PODMAN_PATH } from "../../podman.ts";
import { GROUND, never } from "../mcp/servers.ts";

const BOUND_MS = 30_000;
const DOCKER = "/usr/local/bin/docker";
const hasDocker = await access(DOCKER).then(
  () => true,
  () => false,
);

let folder: string;
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cw-images-"));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true });
  expect(readdirSync("/dev/shm").filter((name) => name.includes(ownerName()))).toEqual([]);
});

async function listen(answer: RequestListener, where: string | number): Promise<Server> {
  const made = createServer(answer);
  await new Promise<void>((resolve) => {
    if (typeof where === "string") made.listen(where, resolve);
    else made.listen(where, "127.0.0.1", resolve);
  });
  server = made;
  return made;
}

function bring(variables: Readonly<Record<string, string>>, image: string, login: string) {
  const containers = new Containers(variables, ["*"], GROUND.privateFiles);
  return containers.ready({ image, login: async () => login }, never());
}

test.skipIf(!hasDocker)(
  "Docker's client logs in, and finds its engine by the user's own context",
  {
    timeout: BOUND_MS,
  },
  async () => {
    const socket = join(folder, "engine.sock");
    const logins: unknown[] = [];
    await listen((request, response) => {
      const header = request.headers["x-registry-auth"];
      if (typeof header === "string") logins.push(JSON.parse(Buffer.from(header, "base64url").toString()));
      response.setHeader("api-version", "1.41");
      const isImage = /\/images\/(?!create)/.test(request.url ?? "");
      response.writeHead(isImage ? 404 : 200, { "content-type": "application/json" });
      response.end(request.url?.includes("/containers/json") === true ? "[]" : "{}");
    }, socket);
    const config = join(folder, "config");
    mkdirSync(config);
    writeFileSync(join(config, "config.json"), '{"auths":{"registry.example":{"auth":"dGhlOnVzZXJz"}}}');
    const variables = { PATH: dirname(DOCKER), HOME: folder, DOCKER_CONFIG: config };
    const docker = (...words: string[]) => promisify(execFile)(DOCKER, words, { env: variables });
    await docker("context", "create", "elsewhere", "--docker", `host=unix://${socket}`);
    await docker("context", "use", "elsewhere");
    const ready = await bring(variables, "registry.example/acme/orders:2", "robot:pull-canary");
    expect(ready).toMatchObject({ outcome: "ready" });
    expect(logins).toEqual([
      expect.objectContaining({ username: "robot", password: "pull-canary", serveraddress: "registry.example" }),
    ]);
  },
);

describeWithPodman("Podman's client", () => {
  test("logs in to the registry of the image, and says what it was refused for", { timeout: BOUND_MS }, async () => {
    const logins: (string | undefined)[] = [];
    const { port } = (
      await listen((request, response) => {
        const given = request.headers.authorization;
        if (given !== undefined) logins.push(given);
        if (given === undefined) response.setHeader("www-authenticate", 'Basic realm="registry"');
        response.writeHead(given === undefined ? 401 : request.url === "/v2/" ? 200 : 404);
        response.end("{}");
      }, 0)
    ).address() as AddressInfo;
    const registries = join(folder, "registries.conf");
    writeFileSync(registries, `[[registry]]\nlocation = "localhost:${port}"\ninsecure = true\n`);
    const variables = { PATH: PODMAN_PATH ?? "", CONTAINERS_REGISTRIES_CONF: registries };
    await expect(bring(variables, `localhost:${port}/acme/orders:2`, "robot:pull-canary")).rejects.toMatchObject({
      code: "IMAGE_NOT_PULLED",
      message: expect.stringContaining(`localhost:${port}/acme/orders:2`),
    });
    expect(new Set(logins)).toEqual(new Set([`Basic ${Buffer.from("robot:pull-canary").toString("base64")}`]));
  });
});

const auth = (pair: string) => ({ auth: Buffer.from(pair).toString("base64") });

test.each([
  ["a.example/b", "u:p:q\n", { "a.example": auth("u:p:q") }],
  ["localhost/b", "u:p", { localhost: auth("u:p") }],
  ["a:5000/b", "u:p", { "a:5000": auth("u:p") }],
  ["acme/b", "u:p", { "https://index.docker.io/v1/": auth("u:p"), "docker.io": auth("u:p") }],
  ["b", "u:p", { "https://index.docker.io/v1/": auth("u:p"), "docker.io": auth("u:p") }],
  ["a.example/b", '{"auths":{"x":{"auth":"y","email":"z"},"no":1}}', { x: { auth: "y" } }],
  ["a.example/b", '{"auths":{"x":{"identitytoken":"t"}},"credHelpers":{"x":"run-me"}}', { x: { identitytoken: "t" } }],
])("makes a login for %s of a Secret", (image, secret, auths) => {
  expect(JSON.parse(registryConfig(secret, image) ?? "null")).toEqual({ auths });
});

test.each(["", "token", ":p", "u:", "{", "[]", '{"auths":[]}', '{"auths":{}}', '{"credsStore":"run-me"}'])(
  "makes none of `%s`",
  (secret) => {
    expect(registryConfig(secret, "a.example/b")).toBeUndefined();
  },
);
