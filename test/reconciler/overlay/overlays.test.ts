// Overlays through the real loader: what a patch sets, where it stands, and what it is refused for.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { digestText } from "../../../contracts/canonical.ts";
import type { LoadResult, SourceFile } from "../../../reconciler/load/desired-set.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { createReadingKit } from "../../../reconciler/load/read-file.ts";
import { recheck } from "../../../reconciler/overlay/recheck.ts";
import { KIT } from "../../reading-kit.ts";

const BASE = {
  "m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n",
  "a.yaml": `kind: Agent
metadata:
  name: a
  labels: {team: x}
spec:
  model_ref: m
  prompt: base
  tools: [t]
  limits: {max_steps: 3, timeout: 30s}
`,
  "t.yaml": "kind: Tool\nmetadata: {name: t}\nspec: {type: http, endpoint: https://t.example.test}\n",
};

function files(texts: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(texts).map(([path, text]) => ({ path, blob: digestText(text), bytes: Buffer.from(text) }));
}

async function load(
  patches: readonly string[] | Readonly<Record<string, string>>,
  base: Readonly<Record<string, string>> = BASE,
) {
  const named = Array.isArray(patches)
    ? Object.fromEntries(patches.map((text, at) => [`prod/${at}.yaml`, text]))
    : patches;
  const overlays = files(named as Record<string, string>);
  const loader = createLoader({}, KIT);
  const result = await loader.load(files(base), { overlays });
  return { result, loader, overlays };
}

const found = ({ set }: LoadResult, address = "Agent/default/a") =>
  set.manifests.find((one) => one.address === address);
const patch = (spec: string, name = "a", kind = "Agent"): string =>
  `kind: ${kind}\nmetadata: {name: ${name}}\nspec:\n${spec}`;

it("sets, removes and replaces fields, and leaves the rest as it was", async () => {
  const { result } = await load([patch("  prompt: patched\n  limits: {timeout: null}\n  tools: []\n")]);
  expect(result.problems).toEqual([]);
  expect(found(result)?.manifest).toMatchObject({
    metadata: { labels: { team: "x" } },
    spec: { model_ref: "m", prompt: "patched", tools: [], limits: { max_steps: 3 } },
  });
  expect(found(result)?.manifest.spec["limits"]).toEqual({ max_steps: 3 });
});

it("is another content, with another digest, and nothing else of the set changes", async () => {
  const { result } = await load([patch("  prompt: patched\n")]);
  const { result: plain } = await load([]);
  expect(found(result)?.digest).not.toBe(found(plain)?.digest);
  expect(found(result, "Tool/default/t")?.digest).toBe(found(plain, "Tool/default/t")?.digest);
  const { result: same } = await load([patch("  prompt: base\n")]);
  expect(found(same)?.digest).toBe(found(plain)?.digest);
});

it("takes spellings as manifests do, and reads values by the field's own type", async () => {
  const { result } = await load([patch("  modelRef: m\n  Prompt: 1.10\n")]);
  expect(result.problems.filter(({ severity }) => severity === "error")).toEqual([]);
  expect(found(result)?.manifest.spec).toMatchObject({ model_ref: "m", prompt: "1.10" });
});

it("is applied in order: the last one counts", async () => {
  const { result } = await load([patch("  prompt: one\n  limits: {max_steps: 5}\n"), patch("  prompt: two\n")]);
  expect(found(result)?.manifest.spec).toMatchObject({ prompt: "two", limits: { max_steps: 5, timeout: "30s" } });
  expect(found(result)?.locate("/spec/prompt")).toEqual({ file: "prod/1.yaml", line: 4, column: 11 });
  expect(found(result)?.locate("/spec/limits/max_steps").file).toBe("prod/0.yaml");
});

it("places each value where it was written last", async () => {
  const text = "  prompt: patched\n  tools:\n    - t\n    - t\n  limits:\n    timeout: null\n";
  const { result } = await load([patch(text)]);
  const manifest = found(result);
  const at = (pointer: string) => manifest?.locate(pointer);
  expect(at("/spec/prompt")).toEqual({ file: "prod/0.yaml", line: 4, column: 11 });
  expect(at("/spec/tools/1")).toEqual({ file: "prod/0.yaml", line: 7, column: 7 });
  expect(at("/spec/limits/timeout")).toMatchObject({ file: "prod/0.yaml", line: 9 });
  expect(at("/spec/model_ref")).toEqual({ file: "a.yaml", line: 6, column: 14 });
  expect(at("/spec/limits/max_steps")?.file).toBe("a.yaml");
  expect(at("/spec")?.file).toBe("a.yaml");
  expect(manifest?.place).toEqual({ file: "a.yaml", line: 1, column: 1 });
});

it("may mend a reference that the base leaves open, and may break one, at its own line", async () => {
  const open = { ...BASE, "a.yaml": BASE["a.yaml"].replace("model_ref: m", "model_ref: nowhere") };
  expect((await load([], open)).result.problems).toMatchObject([{ code: "DANGLING_REFERENCE", file: "a.yaml" }]);
  expect((await load([patch("  model_ref: m\n")], open)).result.problems).toEqual([]);
  expect((await load([patch("  model_ref: gone\n")])).result.problems).toMatchObject([
    { code: "DANGLING_REFERENCE", file: "prod/0.yaml", line: 4, column: 14 },
  ]);
});

it("makes a manifest invalid at the patch's own line, never silently", async () => {
  const strict = { ...BASE, "a.yaml": `apiVersion: countwheel.dev/v1\n${BASE["a.yaml"]}` };
  const { result } = await load([patch("  limits:\n    max_steps: many\n")], strict);
  expect(result.problems).toMatchObject([{ severity: "error", code: "SCHEMA", file: "prod/0.yaml", line: 5 }]);
  expect(found(result)).toBeUndefined();
});

it("loses no value that it cannot read: in a manifest of Orloj such a one would only be left out", async () => {
  const { result } = await load([patch("  limits:\n    timeout: soon\n")]);
  expect(result.problems.filter(({ severity }) => severity === "error")).toMatchObject([
    { code: "OVERLAY", file: "prod/0.yaml", line: 5, summary: "the value of `timeout` is not understood" },
  ]);
});

it.each([
  [
    "names nobody",
    patch("  prompt: x\n", "b"),
    "OVERLAY",
    "no manifest declares",
    "Did you mean `Agent/a`, declared at a.yaml:3:9?",
  ],
  [
    "names another namespace",
    "kind: Agent\nmetadata: {name: a, namespace: n}\nspec: {prompt: x}\n",
    "OVERLAY",
    "Agent/n/a",
    "",
  ],
  ["has no kind", "metadata: {name: a}\nspec: {kindness: x}\n", "OVERLAY", "the patch has no `kind`", ""],
  ["has a kind of nobody", patch("  prompt: x\n", "a", "Agnet"), "OVERLAY", "`Agnet` is no kind", ""],
  ["has no name", "kind: Agent\nspec: {prompt: x}\n", "OVERLAY", "metadata.name", ""],
  ["takes the name away", "kind: Agent\nmetadata: {name: null}\nspec: {}\n", "OVERLAY", "metadata.name", ""],
  [
    "changes the vocabulary",
    `apiVersion: countwheel.dev/v1\n${patch("  prompt: x\n")}`,
    "OVERLAY",
    "is written in",
    "",
  ],
  ["has a field of nobody", patch("  promt: x\n"), "UNKNOWN_FIELD", "`promt` is not a field", "Did you mean `prompt`?"],
  ["is a list", "- kind: Agent\n", "OVERLAY", "a patch is a map", ""],
  ["is no YAML", "kind: Agent\nmetadata: {name: a\nspec: [", "SYNTAX", "", ""],
  [
    "has a key of all objects",
    "kind: Agent\nmetadata: {name: a}\nspec:\n  __proto__: {x: 1}\n",
    "SCHEMA",
    "cannot be a key",
    "",
  ],
])("is refused, with its place, where it %s", async (_, text, code, summary, detail) => {
  const { result } = await load([text]);
  const errors = result.problems.filter(({ severity }) => severity === "error");
  expect(errors[0]).toMatchObject({
    code,
    file: "prod/0.yaml",
    summary: expect.stringContaining(summary),
    detail: expect.stringContaining(detail),
  });
});

it("is refused where its file holds no patch at all: it was meant to change something", async () => {
  const { result } = await load(["services: {web: {image: x}}\n"]);
  expect(result.problems).toMatchObject([{ severity: "error", code: "OVERLAY", file: "prod/0.yaml" }]);
});

it("leaves nobody valid whose patch is missing: the base alone is not what was meant", async () => {
  const addresses = (result: LoadResult) => result.set.manifests.map(({ address }) => address);
  const named = await load([patch("  promt: x\n")]);
  expect(addresses(named.result)).toEqual(["ModelEndpoint/default/m", "Tool/default/t"]);
  const unnamed = await load(["kind: Agent\nspec: [", patch("  prompt: x\n")]);
  expect(addresses(unnamed.result)).toEqual([]);
  const unmatched = await load([patch("  prompt: x\n", "b")]);
  expect(addresses(unmatched.result)).toEqual([]);
});

it("is told of what looks like a credential in a value that it sets, at its line in the patch", async () => {
  const token = `ghp_${"a1B2c3D4e5F6".repeat(3)}`;
  const { result } = await load([`apiVersion: orloj.dev/v1\n${patch(`  prompt: use ${token}\n`)}`]);
  expect(result.problems).toMatchObject([
    { severity: "warning", code: "LIKELY_CREDENTIAL", file: "prod/0.yaml", line: 5, column: 11 },
  ]);
  expect(JSON.stringify(result.problems)).not.toContain(token);
});

it("shows no credential that it sets", async () => {
  const { result } = await load(["kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: CANARY-1}}\n"]);
  expect(JSON.stringify(result.problems)).not.toContain("CANARY-1");
  const broken = await load(["kind: Tool\nmetadata: {name: t}\nspec:\n  nope: 1\n  auth: {token: CANARY-2}\n"]);
  expect(broken.result.problems.length).toBeGreaterThan(0);
});

it("reads every manifest of the examples as itself, so that a patch alone makes the difference", async () => {
  const folder = join(import.meta.dirname, "../../../examples");
  const listed = await readdir(folder, { recursive: true });
  const kit = createReadingKit();
  for (const path of listed.filter((name) => name.endsWith(".yaml"))) {
    const text = await readFile(join(folder, path), "utf8");
    for (const { manifest, digest, locate } of (await createLoader({}, KIT).load(files({ [path]: text }))).set
      .manifests) {
      const again = recheck({ manifest, locate, overlayFiles: new Set([path]) }, kit);
      expect({ path, digest: again.digest, valid: again.valid }).toEqual({ path, digest, valid: true });
    }
  }
});

it("leaves no trace in the loader: without it the next load is the base again", async () => {
  const { loader, result } = await load([patch("  prompt: patched\n")]);
  expect(found(result)?.manifest.spec["prompt"]).toBe("patched");
  expect(found(await loader.load(files(BASE)))?.manifest.spec["prompt"]).toBe("base");
  const overlays = files({ "prod/x.yaml": patch("  prompt: again\n") });
  expect(found(await loader.load(files(BASE), { overlays }))?.manifest.spec["prompt"]).toBe("again");
});
