// `countwheel mcp login`: a whole process, a browser that goes where it is sent, and files that Git may hold.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AgeKeys } from "../../runner/secrets/age-keys.ts";
import { parseGrant } from "../../runner/secrets/grant.ts";
import { testRedis } from "../redis.ts";
import { type GuardedOptions, guardedServer } from "../runner/guarded-server.ts";
import { AGE_IDENTITY, AGE_RECIPIENT } from "../sealed.ts";
import { commandRoom, ENTRY, type Room } from "./command.ts";

const PLACE = { namespace: "default", name: "notes-login", key: "grant" };
const TO_RUNNERS = ["--recipient", AGE_RECIPIENT];

function manifest(endpoint: string): string {
  return `# Who reviews this: the platform team.
apiVersion: countwheel.dev/v1
kind: McpServer
metadata: {name: notes}
spec:
  transport: http # for everybody
  endpoint: ${endpoint}
  protocol: "2025-11-25"
`;
}

let room: Room;
beforeEach(() => {
  room = commandRoom();
});
afterEach(() => room.remove());

const inRoom = (file: string): string => readFileSync(join(room.folder, file), "utf8");

interface Session {
  readonly child: ChildProcess;
  /** Resolves once all that it said was read. */
  readonly closed: Promise<unknown>;
  readonly told: { stdout: string; stderr: string };
}

function start(words: readonly string[]): Session {
  const env = { PATH: process.env["PATH"] ?? "", CI: "true", COUNTWHEEL_HOME: join(room.folder, ".countwheel") };
  const command = [...ENTRY, "mcp", "login", "notes", "--path", "agents", ...words];
  const child = spawn(process.execPath, command, { cwd: room.folder, env, stdio: "pipe" });
  const told = { stdout: "", stderr: "" };
  child.stdout.on("data", (bytes: Buffer) => (told.stdout += bytes.toString("utf8")));
  child.stderr.on("data", (bytes: Buffer) => (told.stderr += bytes.toString("utf8")));
  return { child, closed: once(child, "close"), told };
}

/** Where the person is sent, once they are. */
async function address({ told, child }: Session): Promise<string> {
  const found = (): string => /^ {4}(http\S+)$/m.exec(told.stderr)?.[1] ?? "";
  await expect.poll(() => found() !== "" || child.exitCode !== null, { timeout: 10_000 }).toBe(true);
  return found();
}

async function ended({ child, closed, told }: Session) {
  await closed;
  return { code: child.exitCode, ...told };
}

/** To the end, with a browser on this machine. */
async function logIn(...words: readonly string[]) {
  const session = start([...TO_RUNNERS, "--yes", ...words]);
  const url = await address(session);
  if (url !== "") await fetch(url);
  return ended(session);
}

async function guarded(options: GuardedOptions = {}) {
  const server = await guardedServer(options);
  room.write({ "agents/notes.yaml": manifest(server.endpoint) });
  return server;
}

describe("countwheel mcp login", () => {
  it("seals what it got for runners, and writes into the manifest where it may be used", async () => {
    const server = await guarded();
    const first = await logIn("--write", "agents/login.yaml");
    expect([first.code, first.stdout]).toEqual([0, ""]);
    expect(first.stderr).toContain(`  issuer       ${server.url}\n`);
    expect(first.stderr).toContain("  scopes       read\n");
    expect(first.stderr).toContain("Next: git diff, then commit both");
    expect(inRoom("agents/notes.yaml")).toBe(
      `${manifest(server.endpoint)}  auth:
    profile: oauth2_authorization_code
    secretRef: notes-login
    tokenURL: ${server.url}/token
    issuer: ${server.url}
    scopes:
      - read
`,
    );
    expect(await room.run("validate", "agents")).toMatchObject({ code: 0 });
    const armored = /-----BEGIN[^]*-----END AGE ENCRYPTED FILE-----/.exec(inRoom("agents/login.yaml"))?.[0] ?? "";
    const opened = await new AgeKeys({ files: [], text: AGE_IDENTITY }).open(armored.replace(/^ +/gm, ""), PLACE);
    expect(parseGrant(opened.outcome === "opened" ? opened.value : "")).toMatchObject({
      endpoint: server.endpoint,
      refresh_token: "refresh-1-canary",
    });
    expect(JSON.stringify([first, inRoom("agents/login.yaml"), inRoom("agents/notes.yaml")])).not.toContain("canary");
    // With more scopes, as a problem says it: those of before are kept, and the login takes the old one's place.
    const second = await logIn("--write", "agents/login.yaml", "--scope", "write");
    expect([second.code, server.asked.at(-1)?.get("scope")]).toEqual([0, "read write"]);
    expect(inRoom("agents/notes.yaml")).toContain("    scopes:\n      - read\n      - write\n");
    expect(inRoom("agents/login.yaml").match(/BEGIN AGE/g)).toHaveLength(1);
  });

  it("prints what belongs into Git, where no file is named", async () => {
    const server = await guarded({ once: true, lifeS: 60 });
    const text = await logIn();
    expect(text.stdout).toMatch(/^apiVersion: countwheel.dev\/v1\nkind: Secret\nmetadata:\n {2}name: notes-login\n/);
    expect(text.stderr).toContain(
      `this under \`spec\` of McpServer notes:\n\nauth:\n  profile: oauth2_authorization_code\n`,
    );
    expect(text.stderr).toContain("The issuer gave no refresh token: this login is good until 20");
    const { stdout } = await logIn("-o", "json", "--secret", "team/shared");
    expect(JSON.parse(stdout)).toMatchObject({
      formatVersion: "1",
      server: { namespace: "default", name: "notes" },
      auth: { secret_ref: "team/shared", token_url: `${server.url}/token`, issuer: server.url },
      isRenewable: false,
      secret: { namespace: "team", name: "shared", key: "grant", sealed: expect.stringContaining("BEGIN AGE") },
    });
    expect(inRoom("agents/notes.yaml")).toBe(manifest(server.endpoint));
  });

  it("takes the address at which a browser elsewhere ended", async () => {
    const server = await guarded();
    const session = start([...TO_RUNNERS, "--yes", "--no-browser", "--port", "4321"]);
    const sent = await fetch(await address(session), { redirect: "manual" });
    const location = sent.headers.get("location") ?? "";
    expect(location).toMatch(/^http:\/\/127\.0\.0\.1:4321\/callback\?code=/);
    session.child.stdin?.end(`${location}\n`);
    expect(await ended(session)).toMatchObject({ code: 0, stdout: expect.stringContaining("BEGIN AGE") });
    expect(server.forms).toHaveLength(1);
  });

  it("waits on where somebody else knocks, and takes no forged answer", async () => {
    const server = await guarded();
    const session = start([...TO_RUNNERS, "--yes"]);
    const url = new URL(await address(session));
    const back = url.searchParams.get("redirect_uri") ?? "";
    const state = url.searchParams.get("state") ?? "";
    const knocks = [`${back}?code=x&state=forged`, `${back}?code=x`, `${new URL(back).origin}/other?state=${state}`];
    const posted = await fetch(`${back}?code=x&state=${state}`, { method: "POST" });
    const answers = [posted, ...(await Promise.all(knocks.map((knock) => fetch(knock))))];
    expect(answers.map(({ status }) => status)).toEqual([404, 400, 400, 404]);
    expect(server.forms).toEqual([]);
    await fetch(url);
    expect(await ended(session)).toMatchObject({ code: 0 });
  });

  it("prints what it got where it cannot be written", async () => {
    const server = await guarded();
    const taken = "kind: Secret\nmetadata: {name: notes-login}\nspec: {from: {grant: {env: COUNTWHEEL_SECRET_N}}}\n";
    room.write({ "agents/login.yaml": taken });
    const ran = await logIn("--write", "agents/login.yaml");
    expect(ran).toMatchObject({ code: 1, stdout: expect.stringContaining("BEGIN AGE") });
    expect(ran.stderr).toContain("SECRET_HAS_PLACE");
    expect([inRoom("agents/login.yaml"), inRoom("agents/notes.yaml")]).toEqual([taken, manifest(server.endpoint)]);
  });

  it("writes nothing where the person gives up", async () => {
    const server = await guarded();
    const session = start([...TO_RUNNERS, "--yes", "--write", "agents/login.yaml"]);
    await address(session);
    session.child.kill("SIGINT");
    const ran = await ended(session);
    expect(ran).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringContaining("INTERRUPTED: nobody logged in"),
    });
    expect([inRoom("agents/notes.yaml"), existsSync(join(room.folder, "agents/login.yaml"))]).toEqual([
      manifest(server.endpoint),
      false,
    ]);
  });

  it("takes a client's secret from a file or a pipe, and never from an argument", async () => {
    const server = await guarded({ metadata: { token_endpoint_auth_methods_supported: ["client_secret_basic"] } });
    room.write({ secret: "client-canary\n" });
    const ran = await logIn("--client-id", "mine", "--client-secret-file", "secret", "--write", "agents/login.yaml");
    expect([ran.code, server.registered]).toEqual([0, []]);
    expect(inRoom("agents/notes.yaml")).toContain("    client_id: mine\n");
    expect(JSON.stringify([ran, inRoom("agents/login.yaml")])).not.toContain("canary");
  });

  it("sends nothing before somebody said yes, knows whom to seal for first, and says what it refuses", async () => {
    const server = await guarded();
    expect(await ended(start(TO_RUNNERS))).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/tokens from +http[^]*nobody said yes, and nothing was sent/),
    });
    const seen = server.paths().length;
    expect(await ended(start(["--yes"]))).toMatchObject({ code: 64, stderr: expect.stringContaining("--recipient") });
    expect(await ended(start(["--yes", "--recipient", "age1nobody"]))).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("`age1nobody` is no age recipient"),
    });
    expect(server.paths()).toHaveLength(seen);
    expect([server.registered, server.asked, server.forms]).toEqual([[], [], []]);
    await guarded({ resource: { resource: "https://evil.example/" } });
    expect(await ended(start([...TO_RUNNERS, "--yes"]))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("LOGIN_RESOURCE_MISMATCH: McpServer default/notes describes itself as another"),
    });
    room.write({
      "agents/notes.yaml": manifest("x").replace("http #", "stdio #").replace("endpoint: x", "command: npx"),
    });
    expect(await room.run("mcp", "login", "notes", "--path", "agents")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("LOGIN_NOT_OFFERED: McpServer default/notes is no `http` server"),
    });
    expect(await room.run("mcp", "login", "note", "--path", "agents", "--yes")).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("did you mean `notes`?"),
    });
  });

  it("is of use to mcp pin, where the Redis of the runners is named that follow its tokens", async () => {
    const redis = await testRedis();
    try {
      const server = await guarded({ isRotating: true });
      await logIn("--write", "agents/login.yaml");
      room.write({ "runner.age": AGE_IDENTITY });
      const pin = ["mcp", "pin", "--path", "agents", "--age-identity", "runner.age"];
      expect(await room.run(...pin)).toMatchObject({ code: 1, stderr: expect.stringContaining("TOKEN_NEEDS_STATE") });
      for (let times = 0; times < 2; times += 1)
        expect(await room.run(...pin, "--redis", redis.url)).toMatchObject({ code: 0 });
      const used = server.forms.map(({ refresh_token: token }) => token);
      expect(used).toEqual([undefined, "refresh-1-canary", "refresh-2-canary"]);
      expect(inRoom("agents/notes.yaml")).toMatch(/ {2}pins:\n {4}read: sha256:/);
    } finally {
      await redis.stop();
    }
  });
});
