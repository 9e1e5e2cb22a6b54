// What was loaded before, in memory or on disk, makes a load cheaper and changes nothing in its answer.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { assembleWhole } from "../../../reconciler/load/assembly.ts";
import { renderKnownFile } from "../../../reconciler/load/cache/known-file-text.ts";
import { openParseCache } from "../../../reconciler/load/cache/parse-cache.ts";
import { placeInSet } from "../../../reconciler/load/candidate.ts";
import type { LoadResult, SourceFile } from "../../../reconciler/load/desired-set.ts";
import { readKnownFile } from "../../../reconciler/load/known-file.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { createPacer, runAtOnce } from "../../../reconciler/load/pacer.ts";
import { PlaceBook } from "../../../reconciler/load/place-book.ts";
import { readFile } from "../../../reconciler/load/read-file.ts";
import { selectFiles } from "../../../reconciler/load/select-files.ts";
import * as fc from "../../property.ts";
import { KIT } from "../../reading-kit.ts";
import { file, MODEL } from "./files.ts";

const POINTERS = ["", "/metadata/name", "/spec", "/spec/prompt", "/spec/tools/0", "/spec/agents/0", "/spec/gone/1"];

/** All that anybody can see of a result, with the places that are only told when asked for. */
function seen({ set, problems, manifestCount, fileCount }: LoadResult): unknown {
  const manifests = set.manifests.map(({ address, manifest, digest, place, locate }) => {
    return { address, manifest, digest, place, places: POINTERS.map((pointer) => locate(pointer)) };
  });
  return { manifests, problems, manifestCount, fileCount };
}

const PLACES = new PlaceBook((bytes) => runAtOnce(readFile(bytes, KIT)));

/** Every file read, every manifest checked; only the compiled schemas are shared, which take longer than all the rest. */
async function fresh(files: readonly SourceFile[]): Promise<unknown> {
  const read = (one: SourceFile) => placeInSet(one, runAtOnce(readKnownFile(one.bytes, KIT)), PLACES);
  const placed = new Map(selectFiles(files).map((one) => [one.path, read(one)]));
  return seen((await assembleWhole(placed, createPacer())).result);
}

/** Names that refer to one another, also to what is not there, near it, or there twice. */
const name = fc.constantFrom("a", "b", "agent-one", "agent-two", "srv--x");
const text = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, name, name).map(([self, tool, role]) => agent(self, tool, role)) },
  { weight: 3, arbitrary: fc.tuple(name, name, name).map(([self, first, second]) => system(self, first, second)) },
  { weight: 2, arbitrary: fc.tuple(name, name).map(([self, argument]) => tool(self, argument)) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([self, only]) => server(self, only)) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([self, model]) => endpoint(self, model)) },
  { weight: 1, arbitrary: name.map((self) => `kind: AgentRole\nmetadata: {name: ${self}}\n`) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([self, of]) => task(self, of)) },
  { weight: 1, arbitrary: fc.tuple(name, name).map(([self, of]) => schedule(self, of)) },
  { weight: 2, arbitrary: fc.tuple(name, name).map(([self, of]) => policy(self, of)) },
  { weight: 1, arbitrary: fc.constantFrom("kind: Agent\nmetadata: {name: [}\n", "a: 1\n", "", "# none\n") },
);
const path = fc.constantFrom("1.yaml", "2.yaml", "3.yaml", "d/4.yaml", "d/5.yaml", "6.json", "7.yml", "d/e/8.yaml");

function agent(self: string, tool: string, role: string): string {
  const spec = `{model_ref: m, prompt: p, tools: [${tool}, srv--${tool}], roles: [${role}], allowed_tools: ["${tool}*"]}`;
  return `kind: Agent\nmetadata: {name: ${self}}\nspec: ${spec}\n`;
}
function system(self: string, first: string, second: string): string {
  const graph = `{${first}: {next: ${second}}, ${second}: {next: ${first}}}`;
  return `kind: AgentSystem\nmetadata: {name: ${self}}\nspec: {agents: [${first}, ${second}], graph: ${graph}}\n`;
}
function server(self: string, only: string): string {
  return `kind: McpServer\nmetadata: {name: ${self}}\nspec: {transport: stdio, command: x, tool_filter: {include: [${only}]}}\n`;
}
function endpoint(self: string, model: string): string {
  return `${MODEL}---\nkind: ModelEndpoint\nmetadata: {name: ${self}}\nspec: {provider: mock, default_model: ${model}}\n`;
}
function task(self: string, of: string): string {
  return `kind: Task\nmetadata: {name: ${self}}\nspec: {system: ${of}, mode: ${of === "a" ? "template" : "run"}}\n`;
}
function schedule(self: string, of: string): string {
  return `kind: TaskSchedule\nmetadata: {name: ${self}}\nspec: {task_ref: ${of}, schedule: "0 0 * * *"}\n`;
}
function tool(self: string, argument: string): string {
  const schema = `{properties: {${argument}: {type: number}}}`;
  return `kind: Tool\nmetadata: {name: ${self}}\nspec: {type: http, endpoint: "https://x.example", input_schema: ${schema}}\n`;
}
function policy(self: string, of: string): string {
  const rule = `{match: {tools: [${of.replaceAll("-", "_")}], models: ["${of}*"], agents: [${of}]}, when: 'args["${self}"] > 1 && agent != "${self}" && tool != "${of}"'}`;
  const spec = `{blocked_tools: ["${of}"], allowed_models: [m, ${of}], target_agents: ["${self}*"], target_systems: [${of}], rules: [${rule}]}`;
  return `kind: AgentPolicy\nmetadata: {name: ${self}}\nspec: ${spec}\n`;
}

type Step = readonly (readonly [path: string, text: string | null])[];

const steps = fc.array(fc.array(fc.tuple(path, fc.option(text, { freq: 3 })), { minLength: 1, maxLength: 3 }), {
  minLength: 2,
  maxLength: 8,
});

/** The files after each step: written, replaced or deleted. */
function history(changes: readonly Step[]): SourceFile[][] {
  const files = new Map<string, SourceFile>([["m.yaml", file("m.yaml", MODEL)]]);
  return changes.map((step) => {
    for (const [at, content] of step) {
      if (content === null) files.delete(at);
      else files.set(at, file(at, content));
    }
    return [...files.values()];
  });
}

describe("a loader that has loaded before", () => {
  it("answers what a new one answers, after any edits, moves, breaks and deletions", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (changes) => {
        const loader = createLoader({}, KIT);
        for (const files of history(changes)) expect(seen(await loader.load(files))).toEqual(await fresh(files));
      }),
      { numRuns: fc.cases(60) },
    );
  });

  it("answers what a new one answers when loads overlap", async () => {
    const [one = [], two = [], three = []] = history([
      [["1.yaml", agent("a", "b", "b")]],
      [["2.yaml", `kind: Tool\nmetadata: {name: b}\n`]],
      [["1.yaml", null]],
    ]);
    const loader = createLoader();
    await loader.load(one);
    const answers = await Promise.all([loader.load(two), loader.load(three), loader.load(one)]);
    expect(answers.map(seen)).toEqual([await fresh(two), await fresh(three), await fresh(one)]);
  });

  it("hands out the contents that it knows, and no others", async () => {
    const known = file("m.yaml", MODEL);
    const loader = createLoader();
    await loader.load([known]);
    const contents = await loader.contents();
    expect(contents(known.blob)).toEqual(known.bytes);
    expect(contents("another")).toBeUndefined();
  });
});

const MANY = Array.from({ length: 80 }, (_, index) => file(`a${index}.yaml`, agent(`a${index}`, "gone", "b")));
const SECRET = file("s.yaml", "kind: Secret\nmetadata: {name: s}\nspec: {stringData: {value: canary-7f3a}}\n");
const PLAIN_KEY = file("k.yaml", "kind: Tool\nmetadata: {name: k}\nspec: {type: http, auth: {api_key: canary-7f3a}}\n");
const SET = [...MANY, file("m.yaml", MODEL), SECRET, PLAIN_KEY];

describe("files that were read in another process", () => {
  const folder = join(mkdtempSync(join(tmpdir(), "countwheel-parsed-")), "parsed");
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const packs = (): string[] => readdirSync(folder).filter((name) => name.endsWith(".pack"));
  const fill = async (): Promise<string> => {
    await createLoader({ cacheFolder: folder }).load(SET);
    const [pack] = packs();
    if (pack === undefined) throw new Error("nothing was kept");
    return join(folder, pack);
  };
  const isKept = async (): Promise<boolean> => {
    const open = await openParseCache(folder).open(createPacer());
    return MANY.every(({ blob }) => open.find(blob) !== undefined);
  };

  it("are taken from disk, with the same answer, and named by no repository", async () => {
    await fill();
    expect(await isKept()).toBe(true);
    expect(seen(await createLoader({ cacheFolder: folder }).load(SET))).toEqual(await fresh(SET));
    expect(readFileSync(join(folder, ".gitignore"), "utf8")).toBe("*\n");
    const contents = await createLoader({ cacheFolder: folder }).contents();
    expect(MANY.map(({ blob, bytes }) => Buffer.from(contents(blob) ?? []).equals(bytes))).not.toContain(false);
  });

  it("are not kept where they hold a secret", async () => {
    expect(readFileSync(await fill(), "latin1")).not.toContain("canary-7f3a");
  });

  it("count for nothing once a byte is changed, cut off or added", async () => {
    const pack = await fill();
    const whole = readFileSync(pack);
    const expected = await fresh(SET);
    const damage = fc.oneof(
      fc.nat(whole.length - 1).map((at) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      }),
      fc.nat(whole.length - 1).map((at) => whole.subarray(0, at)),
      fc.constant(Buffer.concat([whole, Buffer.from("x")])),
    );
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        writeFileSync(pack, bytes);
        expect(await isKept()).toBe(false);
      }),
      { numRuns: fc.cases(20) },
    );
    expect(seen(await createLoader({ cacheFolder: folder }).load(SET))).toEqual(expected);
  });

  it("count for nothing where another version or another schema kept them", async () => {
    const pack = await fill();
    const text = readFileSync(pack, "latin1");
    writeFileSync(pack, text.replace(/^(\S+) [0-9a-f]{64}/, `$1 ${"0".repeat(64)}`), "latin1");
    expect(await isKept()).toBe(false);
    expect(seen(await createLoader({ cacheFolder: folder }).load(SET))).toEqual(await fresh(SET));
  });

  it("are simply read where nothing can be kept", async () => {
    const parent = join(folder, "..");
    writeFileSync(folder, "a file where the folder should be");
    expect(seen(await createLoader({ cacheFolder: folder }).load(SET))).toEqual(await fresh(SET));
    rmSync(folder);
    chmodSync(parent, 0o500);
    try {
      expect(seen(await createLoader({ cacheFolder: folder }).load(SET))).toEqual(await fresh(SET));
    } finally {
      chmodSync(parent, 0o700);
    }
  });

  it("survive several processes that keep at once, and stay bounded", async () => {
    const round = (mark: number) =>
      new Map(
        Array.from({ length: 4 }, (_, index) => file("a.yaml", agent(`a${index}`, "gone", `r${mark}`))).map((one) => [
          one.blob,
          runAtOnce(readKnownFile(one.bytes, KIT)),
        ]),
      );
    const keep = (mark: number) =>
      openParseCache(folder, { newFiles: 1, packs: 5 }).keep(round(mark), new Map(), createPacer());
    for (let mark = 0; mark < 40; mark += 4) await Promise.all([mark, mark + 1, mark + 2, mark + 3].map(keep));
    expect(packs().length).toBeLessThanOrEqual(10);
    await keep(99);
    const open = await openParseCache(folder).open(createPacer());
    for (const [blob, known] of round(99))
      expect(renderKnownFile(open.find(blob) ?? known)).toBe(renderKnownFile(known));
    expect([...round(99).keys()].map((blob) => open.find(blob) === undefined)).not.toContain(true);
  });
});
