// Credentials that stand where no field says so: told with their place and how to mend it, never shown, and passed over only
// where the manifest says that this very text is none.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { folderFiles, load, told } from "./files.ts";

/** Put together here: no scanner of repositories is to take it for what it imitates. */
const TOKEN = `ghp_${"a7Kq2ZxW9mB4tR".repeat(3).slice(0, 36)}`;
const OTHER = `ghp_${"R4tBm9WxZ2qK7a".repeat(3).slice(0, 36)}`;

const model = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const agent = (prompt: string, annotations = "{}", version = "countwheel.dev/v1"): string =>
  `apiVersion: ${version}\nkind: Agent\nmetadata:\n  name: a\n  annotations: ${annotations}\nspec:\n  model_ref: m\n  prompt: ${prompt}\n`;

const ours = (lines: readonly string[]): string[] => lines.filter((line) => line.includes("LIKELY_CREDENTIAL"));

async function fingerprintOf(text: string): Promise<string> {
  const { problems } = await load(text);
  return (
    /not-a-credential: "([0-9a-f]{12})"/.exec(
      problems.find(({ code }) => code === "LIKELY_CREDENTIAL")?.detail ?? "",
    )?.[1] ?? ""
  );
}

describe("what looks like a credential", () => {
  it.each([
    ["in a prompt", agent(`Use ${TOKEN} for it.`), "8:15"],
    ["in a comment at the end", `${agent("hello")}# it was ${TOKEN}\n`, "9:10"],
    ["in an annotation", agent("hello", `{note: "${TOKEN}"}`), "5:24"],
    [
      "in an argument",
      `apiVersion: countwheel.dev/v1\nkind: McpServer\nmetadata: {name: s}\nspec:\n  transport: stdio\n  command: x\n  args: ["--key=${TOKEN}"]\n`,
      "7:17",
    ],
    [
      "in JSON",
      `{"apiVersion": "countwheel.dev/v1", "kind": "Agent", "metadata": {"name": "a"}, "spec": {"model_ref": "m", "prompt": "${TOKEN}"}}`,
      "1:119",
    ],
  ])("%s is an error of its line and column", async (_, text, place) => {
    const result = await load(model, text);
    expect(ours(told(result))).toEqual([
      `error LIKELY_CREDENTIAL ${place} what looks like a GitHub token stands in plain text (\`ghp_…, 40 characters\`)`,
    ]);
    expect(JSON.stringify(result.problems)).not.toContain(TOKEN.slice(0, 10));
  });

  it("is a warning in the other vocabulary, and in a document that is broken", async () => {
    const severities = async (text: string): Promise<string[]> => {
      const { problems } = await load(model, text);
      return problems.filter(({ code }) => code === "LIKELY_CREDENTIAL").map(({ severity }) => severity);
    };
    expect(await severities(agent(TOKEN, "{}", "orloj.dev/v1"))).toEqual(["warning"]);
    expect(await severities(`kind: Agent\nmetadata: {name: [\nspec: ${TOKEN}\n`)).toEqual(["warning"]);
  });

  it("is told once, by the field where that says what it is", async () => {
    const tool = `apiVersion: countwheel.dev/v1\nkind: Tool\nmetadata: {name: t}\nspec:\n  type: cli\n  cli:\n    command: x\n    env: {API_TOKEN: ${TOKEN}}\n`;
    const codes = (await load(tool)).problems.map(({ code }) => code);
    expect([codes.includes("PLAINTEXT_SECRET"), codes.includes("LIKELY_CREDENTIAL")]).toEqual([true, false]);
  });

  it("is none where the manifest says so of this very text, and of no other", async () => {
    const fingerprint = await fingerprintOf(agent(TOKEN));
    const said = `{countwheel.dev/not-a-credential: "0123456789ab, ${fingerprint}"}`;
    expect(told(await load(model, agent(TOKEN, said)))).toEqual([]);
    expect(ours(told(await load(model, agent(OTHER, said))))).toHaveLength(1);
    const two = `${agent(TOKEN, said)}---\n# ${TOKEN}\n${agent(TOKEN).replace("name: a", "name: b")}`;
    expect(ours(told(await load(model, two))).map((line) => line.split(" ")[2])).toEqual(["10:3", "18:11"]);
  });

  it("is in no frame of another problem near it", async () => {
    const key = ["-----BEGIN PRIVATE", " KEY-----\n    c2VjcmV0IGJ5dGVz\n    -----END PRIVATE", " KEY-----"].join("");
    const { problems } = await load(model, `${agent(`|\n    ${key}`)}  nope: 1\n`);
    expect(problems.map(({ code }) => code)).toEqual(expect.arrayContaining(["LIKELY_CREDENTIAL", "UNKNOWN_FIELD"]));
    expect(JSON.stringify(problems)).not.toContain("c2VjcmV0");
  });

  it("is nowhere in the examples", async () => {
    const result = await createLoader().load(folderFiles(join(import.meta.dirname, "../../../examples")));
    expect(result.manifestCount).toBeGreaterThan(20);
    expect(ours(told(result))).toEqual([]);
  });
});
