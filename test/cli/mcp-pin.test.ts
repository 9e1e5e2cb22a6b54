// `countwheel mcp pin`: what servers offer is looked at and written down, and nothing else of a file is changed.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toolTextDigest } from "../../contracts/tool-difference.ts";
import { closeRedis, connectRedis } from "../../store/connect.ts";
import { tellTools } from "../../store/sightings.ts";
import { testRedis } from "../redis.ts";
import { commandRoom, type Room } from "./command.ts";

const HOSTILE = fileURLToPath(new URL("../fixtures/mcp/hostile-server.mjs", import.meta.url));

function server(mode: string, more = ""): string {
  return `# Who reviews this: the platform team.
apiVersion: countwheel.dev/v1
kind: McpServer
metadata:
  name: notes # short
spec:
  transport: stdio
  command: ${process.execPath}
  args: [${HOSTILE}, ${mode}]
${more}---
apiVersion: countwheel.dev/v1
kind: ModelEndpoint
metadata: {name: m}
spec: {provider: mock, default_model: mock} # free
`;
}

describe("countwheel mcp pin", () => {
  let room: Room;
  beforeEach(() => {
    room = commandRoom({ COUNTWHEEL_SECRET_NOTES: "s3cr3t-canary" });
  });
  afterEach(() => room.remove());

  const file = (): string => readFileSync(join(room.folder, "agents/notes.yaml"), "utf8");
  const pin = (...words: readonly string[]) => room.run("mcp", "pin", "--path", "agents", ...words);

  it("writes the pins of every tool, leaves all else as it stands, and has nothing to do the next time", async () => {
    room.write({ "agents/notes.yaml": server("normal") });
    const first = await pin();
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("Next: git diff") });
    expect(first.stdout).toMatch(
      /^McpServer notes {2}agents\/notes\.yaml:3\n {2}\+ crash +sha256:[0-9a-f]{12}…\n {2}\+ echo_text/,
    );
    expect(file()).toMatch(
      /^# Who reviews this.*\n(?:.*\n)+ {2}pins:\n(?: {4}(?:crash|echo_text|write): sha256:[0-9a-f]{64}\n){3}---\n/,
    );
    expect(file().replace(/ {2}pins:\n(?: {4}.*\n){3}/, "")).toBe(server("normal"));
    const written = file();
    expect(await pin()).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^ {4}write/m) });
    expect(file()).toBe(written);
    expect(await room.run("validate", "agents")).toMatchObject({ code: 0 });
  });

  it("tells with --check what is not as it is pinned, and writes nothing", async () => {
    room.write({ "agents/notes.yaml": server("normal", "  pins: {echo_text: 'sha256:0000', lost: 'sha256:1111'}\n") });
    const before = file();
    const { code, stdout } = await pin("--check", "-o", "json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      formatVersion: "1",
      written: false,
      servers: [
        {
          namespace: "default",
          name: "notes",
          file: "agents/notes.yaml",
          tools: [
            { tool: "crash", change: "new", before: null },
            { tool: "echo_text", change: "changed", before: "sha256:0000" },
            { tool: "lost", change: "gone", before: "sha256:1111", after: null },
            { tool: "write", change: "new" },
          ],
        },
      ],
    });
    expect(file()).toBe(before);
    expect((await pin()).stdout).toMatch(
      /~ echo_text .*sha256:0000… → sha256:[0-9a-f]{12}…\n {2}- lost .* is not offered any more/,
    );
    expect(await pin("--check")).toMatchObject({ code: 0 });
  });

  it("tells what is different about a tool, where runners have seen what its pin stands for", async () => {
    const redis = await testRedis();
    const client = connectRedis(redis.url, "command");
    const inputSchema = { type: "object", properties: { text: { type: "string" } } };
    const was = { name: "notes--echo-text", description: "Said it", inputSchema, annotations: { readOnlyHint: true } };
    const digest = toolTextDigest(was);
    const seen = { namespace: "default", server: "notes", launch: "l", runner: "r", at: "2026-01-01T00:00:00Z" };
    await tellTools(client, "default", { ...seen, tools: {}, texts: { [digest]: was }, pins: [digest] });
    await closeRedis(client);
    room.write({ "agents/notes.yaml": server("normal", `  pins: {echo_text: '${digest}'}\n`) });
    const lines = ['- description: "Said it"', '+ description: "Says it again"'];
    const { code, stdout } = await pin("--check", "--redis", redis.url);
    expect([code, stdout]).toEqual([2, expect.stringContaining(lines.map((line) => `\n      ${line}`).join(""))]);
    await redis.stop();
    const without = await pin("--check", "-o", "json", "--redis", redis.url);
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be told: REDIS_UNAVAILABLE") });
    expect(without.stdout).not.toContain("difference");
  });

  it("pins only tools that the filter lets exist", async () => {
    room.write({ "agents/notes.yaml": server("normal", "  tool_filter: {include: [write]}\n") });
    await pin("notes");
    expect(file()).toMatch(/ {2}pins:\n {4}write: sha256:[0-9a-f]{64}\n---/);
  });

  it("opens servers from npm with what their manifests name, and with the digests that runners ask for", async () => {
    const manifest = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-memory/package.json");
    const program = join(dirname(manifest), "dist/index.js");
    room.write({
      "agents/notes.yaml": `kind: McpServer\nmetadata: {name: memory}\nspec: {transport: stdio, command: ${process.execPath}, args: [${program}]}\n`,
    });
    const { stdout } = await pin("memory", "-o", "json");
    const [{ tools }] = JSON.parse(stdout).servers as [{ tools: readonly { tool: string; after: string }[] }];
    expect(tools.map(({ tool }) => tool)).toContain("create_entities");
    expect(tools.length).toBeGreaterThan(5);
  });

  it("says what is wrong: a name, a server that does not start, a program that may not; and no secret of it", async () => {
    const env = "  env: [{name: KEY, secretRef: notes}]\n  reconnect: {max_attempts: 1}\n";
    const secret =
      "---\nkind: Secret\nmetadata: {name: notes}\nspec: {from: {value: {env: COUNTWHEEL_SECRET_NOTES}}}\n";
    room.write({ "agents/notes.yaml": `${server("exit-in-start", env)}${secret}` });
    expect(await pin("nots")).toMatchObject({ code: 64, stderr: expect.stringContaining("did you mean `notes`?") });
    const failed = await pin();
    expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot open the database") });
    expect(`${failed.stdout}${failed.stderr}`).not.toContain("s3cr3t-canary");
    expect(await pin("--allow-command", "git")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("COMMAND_NOT_ALLOWED"),
    });
    room.write({ "agents/bad.yaml": "kind: Agent\nmetadata: {name: b}\nspec: {}\n" });
    expect(await pin()).toMatchObject({ code: 1, stderr: expect.stringContaining("MANIFESTS_INVALID") });
  });
});
