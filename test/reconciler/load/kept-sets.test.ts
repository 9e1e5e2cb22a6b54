// A set that another process kept is gone on from as if this one had loaded it: the same answers, and no secret on disk.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { manifestDigest } from "../../../contracts/manifest.ts";
import { readCommitSource, type SourceTools } from "../../../reconciler/environment-source.ts";
import { openParseCache } from "../../../reconciler/load/cache/parse-cache.ts";
import { readKeptSet } from "../../../reconciler/load/cache/set-cache.ts";
import type { LoadResult, SourceFile } from "../../../reconciler/load/desired-set.ts";
import { createLoader, type Loader } from "../../../reconciler/load/load-files.ts";
import { PlaceBook } from "../../../reconciler/load/place-book.ts";
import { recallSet } from "../../../reconciler/load/recall-set.ts";
import { compareSet } from "../../../reconciler/plan/compare-set.ts";
import type { SourceAnswer } from "../../../reconciler/source/source.ts";
import { TEST_GIT, testRepository } from "../../git.ts";
import * as fc from "../../property.ts";
import { KIT } from "../../reading-kit.ts";
import { file, MODEL } from "./files.ts";

const folder = join(mkdtempSync(join(tmpdir(), "countwheel-sets-")), "parsed");
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const POINTERS = ["", "/metadata/name", "/spec/prompt", "/spec/tools/0", "/spec/gone/1"];

/** All that anybody can see of a result. */
function seen({ set, problems, manifestCount, fileCount }: LoadResult): unknown {
  const manifests = set.manifests.map(({ address, manifest, digest, place, locate }) => {
    return { address, manifest, digest, place, places: POINTERS.map((pointer) => locate(pointer)) };
  });
  return { manifests, problems, manifestCount, fileCount };
}

function agent(name: string, tool: string, more = ""): string {
  return `kind: Agent\nmetadata: {name: ${name}}\nspec: {model_ref: m, prompt: p${more}, tools: [${tool}]}\n`;
}

const SECRET = "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: canary-7f3a}}\n";
const BASE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Array.from({ length: 70 }, (_, at) => [`z/${at}.yaml`, agent(`z${at}`, at % 2 === 0 ? "t" : "u")]),
  ),
  "m.yaml": MODEL,
  "t.yaml": "kind: Tool\nmetadata: {name: t}\nspec: {type: http}\n",
  "s.yaml": SECRET,
  "two.yaml": `${agent("two", "t")}---\n${agent("three", "near")}`,
  "task.yaml": "kind: Task\nmetadata: {name: job}\nspec: {system: flow, mode: run}\n",
  "flow.yaml": "kind: AgentSystem\nmetadata: {name: flow}\nspec: {agents: [two], graph: {two: {next: two}}}\n",
};

const filesOf = (texts: ReadonlyMap<string, string>): SourceFile[] =>
  Array.from(texts, ([path, text]) => file(path, text)).toSorted((a, b) => (a.path < b.path ? -1 : 1));

async function keep(files: readonly SourceFile[]): Promise<LoadResult> {
  const loader = createLoader({ cacheFolder: folder }, KIT);
  const result = await loader.load(files);
  await loader.sets?.keep("here", { from: "one" }, files);
  return result;
}

/** A loader that has loaded nothing, and goes on from what was kept of these files. */
async function recall(
  files: readonly SourceFile[],
): Promise<{ loader: Loader; files: readonly SourceFile[] | undefined }> {
  const loader = createLoader({ cacheFolder: folder }, KIT);
  const byPath = new Map(files.map((one) => [one.path, one]));
  const again = async (_read: unknown, wanted: readonly { readonly path: string }[]) =>
    wanted.flatMap(({ path }) => byPath.get(path) ?? []);
  const recalled = await loader.sets?.recall<unknown>("here", again);
  return { loader, files: recalled?.files };
}

const anyText = fc.oneof(
  fc
    .tuple(fc.constantFrom("z1", "two", "new"), fc.constantFrom("t", "u", "neat"))
    .map(([name, tool]) => agent(name, tool)),
  fc.constantFrom("t", "u", "near").map((name) => `kind: Tool\nmetadata: {name: ${name}}\nspec: {type: http}\n`),
  fc.constantFrom(
    MODEL,
    SECRET,
    SECRET.replace("name: s", "name: other"),
    "kind: Agent\nmetadata: {name: [}\n",
    "a: 1\n",
  ),
  fc
    .constantFrom("[two]", "[two, three]")
    .map((agents) => `kind: AgentSystem\nmetadata: {name: flow}\nspec: {agents: ${agents}}\n`),
);
const anyPath = fc.constantFrom(
  "z/1.yaml",
  "z/2.yaml",
  "m.yaml",
  "t.yaml",
  "s.yaml",
  "two.yaml",
  "flow.yaml",
  "new.yaml",
);
const anySteps = fc.array(
  fc.array(fc.tuple(anyPath, fc.option(anyText, { freq: 3 })), { minLength: 1, maxLength: 3 }),
  {
    minLength: 1,
    maxLength: 4,
  },
);

describe("a set that another process kept", () => {
  it("answers what a whole load answers, now and after any change", async () => {
    const base = new Map(Object.entries(BASE));
    await keep(filesOf(base));
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const texts = new Map(base);
        const { loader, files = [] } = await recall(filesOf(base));
        expect(files.map(({ path, blob, bytes }) => ({ path, blob, bytes: Buffer.from(bytes) }))).toEqual(
          filesOf(base).map(({ path, blob, bytes }) => ({ path, blob, bytes: Buffer.from(bytes) })),
        );
        for (const step of steps) {
          for (const [path, text] of step) {
            if (text === null) texts.delete(path);
            else texts.set(path, text);
          }
          const whole = await createLoader({}, KIT).load(filesOf(texts));
          expect(seen(await loader.load(filesOf(texts)))).toEqual(seen(whole));
        }
        const last = await recall(filesOf(base));
        expect(seen(await last.loader.load(last.files ?? []))).toEqual(
          seen(await createLoader({}, KIT).load(filesOf(base))),
        );
      }),
      { numRuns: fc.cases(5) },
    );
  });

  // Of a hundred thousand manifests it takes a second to unfold all, and one check that looks into each is enough for that.
  it("is put together and compared without a look into any manifest", async () => {
    const agents = Object.entries(BASE).filter(([path]) => path.startsWith("z/") || path === "m.yaml");
    await keep(filesOf(new Map(agents)));
    const kept = await readKeptSet<unknown>(folder, openParseCache(folder).fit, "here");
    if (kept === undefined) throw new Error("nothing was kept");
    const look = (blob: string): never => {
      throw new Error(`somebody looks into ${blob}`);
    };
    const places = new PlaceBook(() => look("a file again"));
    const packs = { has: () => true, find: look, bytes: look };
    const { assembly, files } = recallSet(kept, { packs, places, files: [], placed: new Map() });
    const { manifests } = assembly.result.set;
    expect(compareSet(manifests, new Map()).unequal.size).toBe(agents.length);
    expect(files.length).toBe(agents.length);
    expect(() => manifests[0]?.manifest).toThrow("somebody looks into");
  });

  it("holds nothing of a file that may hold a secret, not even its digest", async () => {
    const { set } = await keep(filesOf(new Map(Object.entries(BASE))));
    const secret = set.manifests.find(({ address }) => address === "Secret/default/s");
    if (secret === undefined) throw new Error("the set has no secret");
    const kept = readdirSync(folder).filter((name) => name.endsWith(".set"));
    expect(kept).toHaveLength(1);
    const text = readFileSync(join(folder, kept[0] ?? ""), "utf8");
    expect(text).not.toContain("canary");
    expect(text).not.toContain(manifestDigest(secret.manifest));
    expect(text).not.toContain("Secret/default/s");
  });

  it("counts for nothing once a byte of it changed, a pack of it is gone, or a file cannot be read again", async () => {
    const files = filesOf(new Map(Object.entries(BASE)));
    await keep(files);
    const path = join(folder, readdirSync(folder).find((name) => name.endsWith(".set")) ?? "");
    const whole = readFileSync(path);
    expect((await recall(files)).files).toHaveLength(files.length);
    expect((await recall([])).files).toBeUndefined();
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1] = (damaged[whole.length >> 1] ?? 0) ^ 1;
    for (const bytes of [damaged, whole.subarray(0, -1), Buffer.alloc(0)]) {
      writeFileSync(path, bytes);
      expect((await recall(files)).files).toBeUndefined();
    }
    writeFileSync(path, whole);
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith(".pack"))) rmSync(join(folder, name));
    expect((await recall(files)).files).toBeUndefined();
  });
});

describe("a commit that is read by one process after the other", () => {
  it("is read as if nothing had been kept, also where the commit that was kept is gone", {
    timeout: 120_000,
  }, async () => {
    const repo = await testRepository(
      Object.fromEntries(Object.entries(BASE).map(([path, text]) => [`set/${path}`, text])),
    );
    const { signal } = new AbortController();
    const spec = { kind: "commit", repo: repo.folder, ref: "main", path: "set" } as const;
    const read = (loader: Loader): Promise<SourceAnswer> => {
      const tools: SourceTools = { git: TEST_GIT, mirrorFolder: "/nowhere", loader, onProblem: () => undefined };
      return readCommitSource(spec, tools, signal);
    };
    const shown = (answer: SourceAnswer) =>
      answer.status === "unavailable" ? answer : [answer.status, answer.identity, seen(answer.load)];
    const compare = async (): Promise<void> => {
      const kept = await read(createLoader({ cacheFolder: folder }, KIT));
      expect(shown(kept)).toEqual(shown(await read(createLoader({}, KIT))));
    };
    try {
      await compare();
      await repo.commit({ "set/z/3.yaml": agent("z3", "t", "q"), "set/s.yaml": SECRET.replace("7f3a", "0000") });
      await compare();
      await repo.commit({
        "set/u.yaml": "kind: Tool\nmetadata: {name: u}\nspec: {type: http}\n",
        "set/z/4.yaml": null,
      });
      await compare();
      await repo.git("checkout", "--quiet", "--orphan", "other");
      await repo.commit({ "set/z/5.yaml": agent("z5", "t", "q") });
      await repo.git("branch", "--quiet", "--force", "main", "other");
      await repo.git("reflog", "expire", "--expire=now", "--all");
      await repo.git("gc", "--quiet", "--prune=now");
      await compare();
    } finally {
      await repo.remove();
    }
  });
});
