// `validate`: its text, its JSON, its exit codes, and what makes a set.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runValidate } from "../../cli/commands/validate.ts";
import { type Listener, listenIn } from "./manifests.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const AGENT = "kind: Agent\nmetadata: {name: a}\nspec:\n  model_ref: mm\n  permissons: [x]\n";
const text = { paths: [] as string[], each: false, output: "text" } as const;

describe("validate", () => {
  let listener: Listener;
  beforeEach(async () => {
    listener = await listenIn({ "one/m.yaml": MODEL, "two/a.yaml": AGENT, "two/.hidden/b.yaml": "kind: Agnet\n" });
  });
  afterEach(() => listener.remove());

  it("shows problems with frames and fixes, counts them, and says what to run next", async () => {
    const { host, told } = listener;
    expect(await runValidate(host, { ...text, paths: ["one", "two"] })).toBe(3);
    expect(told.out.replace(/in \d+\.\d s/, "in 0.1 s")).toBe(
      [
        "two/a.yaml:4:14: DANGLING_REFERENCE: Agent `a` uses ModelEndpoint `mm`, which nothing declares",
        "  Did you mean `m`, declared at one/m.yaml:2:18?",
        "",
        "two/a.yaml:5:3: UNKNOWN_FIELD: warning: `permissons` is not a field of Agent.spec",
        "  3 | spec:",
        "  4 |   model_ref: mm",
        "> 5 |   permissons: [x]",
        "    |   ^^^^^^^^^^",
        "  AgentRole has `permissions`; see: countwheel explain AgentRole.spec.permissions",
        "",
        "1 problem and 1 warning in 1 of 2 files, 2 manifests read in 0.1 s.",
        "",
      ].join("\n"),
    );
    expect(told.err).toBe("Next: mend the problems above, then countwheel validate one two\n");
  });

  it("answers JSON with the number of manifests, for one set or for each path", async () => {
    const { host, told } = listener;
    expect(await runValidate(host, { paths: ["one"], each: false, output: "json" })).toBe(0);
    expect(JSON.parse(told.out)).toEqual({ formatVersion: "1", valid: true, manifests: 1, problems: [] });
    told.out = "";
    expect(await runValidate(host, { paths: ["one", "two"], each: true, output: "json" })).toBe(3);
    const answer = JSON.parse(told.out) as {
      valid: boolean;
      manifests: number;
      sets: { path: string; valid: boolean }[];
    };
    expect([answer.valid, answer.manifests]).toEqual([false, 2]);
    expect(answer.sets.map(({ path, valid }) => [path, valid])).toEqual([
      ["one", true],
      ["two", false],
    ]);
  });

  it("counts a file once that two paths name, and reads the folder it stands in by default", async () => {
    const { host, told } = listener;
    await runValidate(host, { paths: ["one", "one/m.yaml"], each: false, output: "json" });
    expect(JSON.parse(told.out)).toMatchObject({ valid: true, manifests: 1 });
    told.out = "";
    await runValidate(host, text);
    expect(told.out).toContain("two/a.yaml:4:14: DANGLING_REFERENCE");
  });

  it("fails for a path that is not there", async () => {
    await expect(runValidate(listener.host, { ...text, paths: ["gone"] })).rejects.toMatchObject({
      code: "PATH_NOT_FOUND",
    });
  });

  it("loads nothing of Redis, of models or of MCP", async () => {
    const script = [
      `import { register } from "node:module";`,
      `const url = ${JSON.stringify(new URL("../../cli/commands/validate.ts", import.meta.url).href)};`,
      `register("data:text/javascript," + encodeURIComponent("export async function resolve(s, c, n) { const r = await n(s, c); if (/node_modules\\\\/(ioredis|bullmq|openai|@anthropic-ai|@modelcontextprotocol|@octokit)\\\\//.test(r.url)) throw new Error('heavy: ' + r.url); return r; }"));`,
      `await import(url);`,
      `console.log("light");`,
    ].join("\n");
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", script],
      { cwd: root },
    );
    expect(stdout).toBe("light\n");
  });
});
