// Faults of the manifests: one broken file beside others that are well, while a deletion waits. Nothing is pruned, no
// record changes, the problem has a name, and the first look after the repair applies what had waited.
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runGit, type TestFiles } from "../git.ts";
import { describeWithRedis } from "../redis.ts";
import { agent, type FaultWorld, GONE, MODEL, prunes, withFaultWorlds } from "./world.ts";

const A = agent("a");
const times = (text: string, count: number): string => text.repeat(count);
const bytes = (...parts: (string | number[])[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)));
const bomb = ["a", "b", "c"]
  .map((name, index) => `      ${name}: &${name} [${times(index === 0 ? "x, " : `*${"abc"[index - 1]}, `, 10)}]\n`)
  .join("");

/** Name, what the look answers, and what becomes of `agents/a.yaml`. */
const BROKEN: (readonly [name: string, word: string, text: string | Uint8Array])[] = [
  ["a bracket that is never closed", "invalid SYNTAX", `${A}x: [`],
  ["the marks of a merge conflict", "invalid SCHEMA SYNTAX", A.replace("spec:", "<<<<<<< HEAD\nspec:")],
  ["a tab as indentation", "invalid SCHEMA SYNTAX", "kind: Agent\nmetadata:\n\tname: a\n"],
  ["a file that is cut in the middle", "invalid SCHEMA SYNTAX", A.slice(0, 30)],
  ["UTF-16", "invalid ENCODING", Buffer.from(`\ufeff${A}`, "utf16le")],
  ["bytes that are no UTF-8", "invalid ENCODING", bytes(A, [0xc3, 0x28])],
  ["a NUL", "invalid ENCODING", bytes(A, [0])],
  [
    "an alias bomb",
    "invalid LIMIT",
    `${A.replace("{model_ref: m, prompt: p}", "\n  model_ref: m\n  execution:\n    output_schema:")}${bomb}`,
  ],
  ["brackets without end", "invalid LIMIT", `${A}x: ${times("[", 50_000)}\n`],
  ["a text of 2 MB", "invalid LIMIT", `${A}# ${times("x", 2_000_000)}\n`],
  ["60,000 documents", "invalid LIMIT", times("---\nkind: Agent\n", 60_000)],
  ["a key that stands twice, in our own group", "invalid SYNTAX", `apiVersion: countwheel.dev/v1\n${A}kind: Agent\n`],
  ["an address that another file has, too", "invalid DUPLICATE_ADDRESS", agent("b", "other")],
  ["an address that stands twice in one file", "invalid DUPLICATE_ADDRESS", `${A}---\n${A}`],
  ["a model that is not there", "invalid DANGLING_REFERENCE", A.replace("model_ref: m", "model_ref: gone")],
  ["a kind with a typing mistake", "invalid UNKNOWN_KIND", A.replace("kind: Agent", "kind: Agnet")],
  ["no kind, in our own group", "invalid SCHEMA", `apiVersion: countwheel.dev/v1\n${A.replace("kind: Agent\n", "")}`],
  ["a version of the future", "invalid UNKNOWN_API_VERSION", `apiVersion: countwheel.dev/v9\n${A}`],
  ["no name", "invalid SCHEMA", A.replace("{name: a}", "{}")],
  ["a name that forges a key", "invalid SCHEMA", A.replace("{name: a}", '{name: "a}:records"}')],
  ["a name of 10 KB", "invalid SCHEMA", A.replace("{name: a}", `{name: ${times("a", 10_000)}}`)],
  ["a key that reaches into prototypes", "invalid SCHEMA", `${A}__proto__: {polluted: true}\n`],
  [
    "a field that our own group does not know",
    "invalid UNKNOWN_FIELD",
    `apiVersion: countwheel.dev/v1\n${A}  `.replace("prompt:", "promt:"),
  ],
  ["a custom tag", "invalid SYNTAX", `apiVersion: countwheel.dev/v1\n${A.replace("prompt: p", "prompt: !exec p")}`],
  [
    "a pointer of Git LFS",
    "invalid UNSUPPORTED_FILE",
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
  ],
];

/** What other files do to the set. */
const SETS: (readonly [name: string, word: string, files: TestFiles])[] = [
  ["two paths that differ by case only", "invalid PATH_COLLISION", { "agents/A.yaml": agent("upper") }],
  ["a name with an invisible character", "invalid UNSUPPORTED_FILE", { "agents/x\u200b.yaml": agent("x") }],
  ["a name with a backslash", "invalid UNSUPPORTED_FILE", { "agents/x\\y.yaml": agent("x") }],
  ["the model that all refer to is gone", "invalid DANGLING_REFERENCE", { "agents/m.yaml": null }],
];

/** A file that is there and of which nothing is read: what stood in it is not known to be gone. */
const SKIPPED: (readonly [name: string, replace: (world: FaultWorld) => Promise<unknown>])[] = [
  ["a link in a file's place", (world) => link(world, "agents/a.yaml", "../elsewhere.yaml")],
  ["a link in a folder's place", (world) => link(world, "agents/team", "../elsewhere")],
  [
    "a submodule in a folder's place",
    async (world) => {
      await world.git("rm", "-r", "--quiet", "agents/team");
      await world.git("add", "--all");
      await world.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},agents/team`);
      await world.git("commit", "--quiet", "--message", "submodule");
      await world.git("push", "--quiet", world.bare, "HEAD:refs/heads/main");
    },
  ],
  ["a text that is no manifest in its place", (world) => world.push({ "agents/a.yaml": "services: {}\n" })],
  ["a page of HTML in its place", (world) => world.push({ "agents/a.yaml": "<!doctype html><p>please log in\n" })],
  ["a kind that nobody knows in its place", (world) => world.push({ "agents/a.yaml": A.replace("Agent", "Foo") })],
  [
    "another system's manifest in its place",
    (world) => world.push({ "agents/a.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n" }),
  ],
];

describeWithRedis("a fault of the manifests:", () => {
  let world: FaultWorld;
  let before: Readonly<Record<string, string>>;
  withFaultWorlds(async (opened) => {
    world = opened;
    before = await world.records();
  });

  async function isHarmless(word: string): Promise<void> {
    const hurt = await world.look();
    expect([hurt.word, prunes(hurt)]).toEqual([word, []]);
    expect(await world.records()).toEqual(before);
    await runGit(world.bare, ["update-ref", "refs/heads/main", "refs/heads/good"]);
    const mended = await world.look();
    expect([mended.word, prunes(mended)]).toEqual(["applied", [GONE]]);
  }

  it.each(BROKEN)("%s → %s", async (_name, word, text) => {
    await runGit(world.bare, ["branch", "good", "main"]);
    await world.push({ "agents/a.yaml": text });
    await isHarmless(word);
  });

  it.each(SETS)("%s → %s", async (_name, word, files) => {
    await runGit(world.bare, ["branch", "good", "main"]);
    await world.push(files);
    await isHarmless(word);
  });

  it.each(SKIPPED)("%s → held blocked", async (_name, replace) => {
    await runGit(world.bare, ["branch", "good", "main"]);
    await world.write({ "agents/gone.yaml": agent("gone") });
    await replace(world);
    await isHarmless("held blocked");
  });

  it.each([
    ["a byte order mark", { "agents/a.yaml": `\ufeff${A}` }],
    ["carriage returns", { "agents/a.yaml": A.replaceAll("\n", "\r\n") }],
    [
      "JSON in its place",
      { "agents/a.yaml": '{"kind": "agent", "metadata": {"name": "a"}, "spec": {"model_ref": "m", "prompt": "p"}}' },
    ],
    ["all of it in one file", { "agents/a.yaml": `${A}---\n${MODEL}`, "agents/m.yaml": null }],
  ] as const)("%s changes nothing → applied", async (_name, files) => {
    await world.push(files);
    const look = await world.look();
    expect([look.word, look.plan?.changes.map(({ address }) => address)]).toEqual(["applied", [GONE]]);
  });

  it("a word that is no `kind` any more, among manifests that are well → only that prune is blocked", async () => {
    await world.push({
      "agents/a.yaml": `${A.replace("kind", "knd")}---\n${agent("d")}`,
      "agents/gone.yaml": agent("gone"),
    });
    const look = await world.look();
    expect([look.word, prunes(look), look.plan?.counts]).toMatchObject(["applied", [], { create: 1, blocked: 1 }]);
    expect(await world.records()).toMatchObject(before);
  });

  it("a chart's name in a folder, whose templates are passed over from then on → held blocked", async () => {
    await world.push({ "agents/gone.yaml": agent("gone"), "agents/templates/t.yaml": agent("t") });
    expect((await world.look()).word).toBe("applied");
    const all = await world.records();
    await world.push({ "agents/Chart.yaml": "name: chart\nversion: 1.0.0\n" });
    const look = await world.look();
    expect([look.word, prunes(look)]).toEqual(["held blocked", []]);
    expect(await world.records()).toEqual(all);
  });

  it.each([
    ["all manifests are deleted", { "agents/notes.md": "nothing here\n" }, /\.yaml$/],
    ["all manifests have another ending", { "agents/a.yaml.bak": A, "agents/m.yaml.bak": MODEL }, /\.yaml$/],
    ["all manifests of a folder are hidden", { "agents/.team/b.yaml": agent("b") }, /team\/.*\.yaml$/],
  ] as const)("%s → held confirm", async (_name, files, gone) => {
    const there = (await world.git("ls-files")).split("\n").filter((path) => gone.test(path));
    await world.push({ ...Object.fromEntries(there.map((path) => [path, null])), ...files });
    expect((await world.look()).word).toBe("held confirm");
    expect(await world.records()).toEqual(before);
  });

  it("a folder that is renamed → unchanged", async () => {
    await world.git("mv", "agents/team", "agents/squad");
    await world.push({ "agents/gone.yaml": agent("gone") });
    const look = await world.look();
    expect([look.word, look.plan?.counts]).toMatchObject(["unchanged", { noop: 5, prune: 0, create: 0, update: 0 }]);
    expect(await world.records()).toEqual(before);
  });
});

async function link(world: FaultWorld, path: string, target: string): Promise<void> {
  await world.git("rm", "-r", "--quiet", path);
  await symlink(target, join(await world.git("rev-parse", "--show-toplevel"), path));
  await world.push({});
}
