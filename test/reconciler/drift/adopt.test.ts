// The patches that adopt a drift: what they change, that git takes them, and what they never show.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { digestText } from "../../../contracts/canonical.ts";
import type { DriftChange } from "../../../contracts/drift.ts";
import type { Manifest } from "../../../contracts/manifest.ts";
import { adoptPatch } from "../../../reconciler/drift/adopt.ts";
import type { LoadedManifest } from "../../../reconciler/load/desired-set.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { manifest, observed } from "../plan/builders.ts";

const run = promisify(execFile);
const loader = createLoader();

async function loadText(text: string): Promise<readonly LoadedManifest[]> {
  const { set } = await loader.load([{ path: "a.yaml", blob: digestText(text), bytes: Buffer.from(text) }]);
  return set.manifests;
}

const changeOf = (declared: LoadedManifest): DriftChange => ({
  address: declared.address,
  kind: declared.manifest.kind,
  namespace: "default",
  name: declared.manifest.metadata.name,
  action: "update",
  reason: "",
  source: declared.place,
  sensitivePaths: [],
  fields: [],
  drift: { sort: "record", code: "RECORD_CHANGED" },
});

/** The patch for the first manifest of the text, once its spec is as `specOf` makes it. */
async function adopt(text: string, specOf: ((spec: Manifest["spec"]) => Manifest["spec"]) | null) {
  const manifests = await loadText(text);
  const [declared] = manifests;
  if (declared === undefined) throw new Error("the text declares nothing");
  const { kind, metadata, spec } = declared.manifest;
  const found = specOf === null ? undefined : manifest(kind, metadata.name, specOf(spec));
  const record = found === undefined ? undefined : observed([found]).records.get(found.address);
  const change = changeOf(declared);
  return await adoptPatch({ change, record, declared, text, neighbours: manifests, folder: "agents", loader });
}

async function patchOf(...args: Parameters<typeof adopt>): Promise<string> {
  const answer = await adopt(...args);
  if (answer.outcome !== "patch") throw new Error(answer.why);
  return answer.patch;
}

/** What git makes of the file with the patch; null where it is gone. */
async function patched(text: string, patch: string): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), "cw-adopt-"));
  try {
    await writeFile(join(folder, "a.yaml"), text);
    await writeFile(join(folder, "p.diff"), patch);
    await run("git", ["apply", "p.diff"], { cwd: folder, env: { PATH: process.env["PATH"] ?? "" } });
    return await readFile(join(folder, "a.yaml"), "utf8").catch(() => null);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const AGENT = `# who answers
kind: Agent
metadata:
  name: refunds
spec:
  modelRef: small # cheap
  prompt: |
    Be kind.
    Be brief.
  tools: [a, b]
  limits:
    maxSteps: 4
`;

describe("a patch that adopts", () => {
  it("changes one line, in the author's own spelling, and keeps the comments", async () => {
    const patch = await patchOf(AGENT, (spec) => ({ ...spec, model_ref: "large" }));
    expect(patch).toBe(`--- a/a.yaml
+++ b/a.yaml
@@ -3,7 +3,7 @@
 metadata:
   name: refunds
 spec:
-  modelRef: small # cheap
+  modelRef: large # cheap
   prompt: |
     Be kind.
     Be brief.
`);
    expect(await patched(AGENT, patch)).toBe(AGENT.replace("small", "large"));
  });

  it.each([
    ["a text of several lines", (spec) => ({ ...spec, prompt: "Be kind.\n  Be long.\n\nEnd." })],
    ["a list", (spec) => ({ ...spec, tools: ["b", "c: d"] })],
    ["a new field", (spec) => ({ ...spec, fallback_model_refs: ["tiny"] })],
    ["a new field in a new block", (spec) => ({ ...spec, memory: { ref: "notes", allow: ["read"] } })],
    ["a field that goes away", ({ tools: _tools, ...spec }) => spec],
    ["a block that goes away", ({ limits: _limits, ...spec }) => spec],
    [
      "several at once",
      ({ prompt: _prompt, ...spec }) => ({ ...spec, model_ref: "x", limits: { max_steps: 9, timeout: "1m" } }),
    ],
  ] as [string, (spec: Manifest["spec"]) => Manifest["spec"]][])(
    "says %s, and is proven by the loader",
    async (_, specOf) => {
      for (const text of [AGENT, `${AGENT}---\nkind: AgentRole\nmetadata: {name: r}\nspec: {description: d}\n`]) {
        const after = (await patched(text, await patchOf(text, specOf))) ?? "";
        const [adopted, other] = await loadText(after);
        expect(adopted?.manifest.spec).toEqual(specOf((await loadText(text))[0]?.manifest.spec ?? {}));
        expect(other?.manifest.kind).toBe(text === AGENT ? undefined : "AgentRole");
        expect(after).toContain("# who answers\n");
      }
    },
  );

  it("edits a manifest in one line, and JSON", async () => {
    const line = "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m, limits: {max_steps: 2}}\n";
    const json = JSON.stringify({
      kind: "Agent",
      metadata: { name: "a" },
      spec: { model_ref: "m", limits: { max_steps: 2 } },
    });
    for (const text of [line, json]) {
      const after =
        (await patched(
          text,
          await patchOf(text, () => ({ model_ref: "n", limits: { max_steps: 3 }, tools: ["t"] })),
        )) ?? "";
      expect((await loadText(after))[0]?.manifest.spec).toEqual({
        model_ref: "n",
        limits: { max_steps: 3 },
        tools: ["t"],
      });
    }
  });

  it("takes a removed record's manifest out of its file, and the file away with its last one", async () => {
    expect(await patched(AGENT, await patchOf(AGENT, null))).toBeNull();
    const role = "kind: AgentRole\nmetadata: {name: r}\nspec: {description: d}\n";
    expect(await patched(`${AGENT}---\n${role}`, await patchOf(`${AGENT}---\n${role}`, null))).toBe(role);
  });

  it("puts a strange record into a file of its own", async () => {
    const found = manifest("Agent", "spy", { model_ref: "m" });
    const record = observed([found]).records.get(found.address);
    const change = changeOf(found);
    const input = { change, record, declared: undefined, text: undefined, neighbours: [], folder: "agents", loader };
    expect(await adoptPatch(input)).toMatchObject({
      outcome: "patch",
      patch: expect.stringMatching(
        /^--- \/dev\/null\n\+\+\+ b\/agents\/agent-spy\.yaml\n@@ -0,0 \+1,\d @@\n(\+.*\n)+$/,
      ),
    });
  });

  it("is not offered where it could show a secret", async () => {
    const text = `${AGENT}---\nkind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: hunter2}}\n`;
    const answer = await adopt(text, (spec) => ({ ...spec, model_ref: "large" }));
    expect(answer).toMatchObject({ outcome: "none", why: expect.stringContaining("secret") });
    expect(JSON.stringify(answer)).not.toContain("hunter2");
  });
});
