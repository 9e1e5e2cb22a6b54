// A large set is read by two threads where there can be two, and by one where there cannot; either way every file once.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { file } from "./files.ts";

const MANY = 2_000;
const text = (index: number): string =>
  `kind: AgentRole\nmetadata: {name: r${index}}\nspec: {description: "${index}"}\n`;
const root = join(import.meta.dirname, "../../..");

// vitest's own loader does not reach into threads: the second one fails to start here, as it does in a bundle.
it("reads every file where no second thread can start", async () => {
  const files = Array.from({ length: MANY }, (_, index) => file(`${index}.yaml`, text(index)));
  const { set, problems } = await createLoader().load(files);
  expect(problems).toEqual([]);
  expect(new Set(set.manifests.map(({ manifest }) => manifest.spec["description"])).size).toBe(MANY);
});

it("reads every file once with a second thread, and ends it", { timeout: 30_000 }, async () => {
  expect(await runCrew("")).toMatchObject({ all: MANY, wrong: 0, once: MANY });
});

it("takes what the second thread read ahead, and nothing that was not asked for", { timeout: 30_000 }, async () => {
  const ahead = `
const give = crew.expect(files.length);
for (const each of [file("unasked"), ...files.slice(0, ${MANY / 2}), file("unasked")]) give(each);
while (crew.waiting.early.length < ${MANY / 4}) await setTimeout(5);
`;
  const told = await runCrew(ahead);
  expect(told).toMatchObject({ all: MANY, wrong: 0, once: MANY });
  expect(told.byTheOther).toBeGreaterThanOrEqual(MANY / 4 - 1);
});

it("reads here what a second thread that fails had in hand", { timeout: 30_000 }, async () => {
  const ahead = `
const give = crew.expect(files.length);
for (const each of files.slice(0, 100)) give(each);
const { worker } = crew.waiting;
worker.once("message", () => worker.terminate());
`;
  expect(await runCrew(ahead)).toMatchObject({ all: MANY, wrong: 0, once: MANY });
});

interface Told {
  readonly all: number;
  readonly wrong: number;
  readonly once: number;
  /** Files that the second thread has read. */
  readonly byTheOther: number;
}

/** Built, for threads read no TypeScript, and in a process of its own. `ahead`: what it does before the files are asked for. */
async function runCrew(ahead: string): Promise<Told> {
  // Where its imports find their packages.
  const folder = mkdtempSync(join(root, "node_modules/.crew-"));
  const script = join(folder, "crew.ts");
  writeFileSync(
    script,
    `import { setTimeout } from "node:timers/promises";
import { ReadCrew } from ${JSON.stringify(join(root, "reconciler/load/crew/read-crew.ts"))};
import { createPacer } from ${JSON.stringify(join(root, "reconciler/load/pacer.ts"))};
import { createReadingKit } from ${JSON.stringify(join(root, "reconciler/load/read-file.ts"))};
const file = (blob) => ({
  blob,
  bytes: new TextEncoder().encode(${JSON.stringify(text(0))}.replaceAll("0", blob)),
});
const files = Array.from({ length: ${MANY} }, (_, index) => file(String(index)));
const taken = [];
const reading = { kit: createReadingKit(), pace: createPacer(), signal: undefined };
const crew = new ReadCrew();
${ahead}
await crew.read(files, reading, ({ blob }, known, text) => {
  taken.push([blob, known.manifests[0]?.manifest.metadata.name, text]);
});
console.log(JSON.stringify({ all: taken.length, wrong: taken.filter(([blob, name]) => name !== "r" + blob).length,
  once: new Set(taken.map(([blob]) => blob)).size, byTheOther: taken.filter(([, , text]) => text !== undefined).length }));
`,
  );
  try {
    const entryPoints = { crew: script, "read-worker": join(root, "reconciler/load/crew/read-worker.ts") };
    const form = { bundle: true, platform: "node", format: "esm", packages: "external" } as const;
    await build({ ...form, entryPoints, outdir: folder, logLevel: "error" });
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "crew.js")], { cwd: root });
    return JSON.parse(stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it("is built as a thread that stands beside the command", async () => {
  const worker = new Worker(join(root, "dist/cli/read-worker.js"));
  try {
    expect(await once(worker, "message")).toEqual(["ready"]);
    const bytes = new TextEncoder().encode(text(7));
    worker.postMessage({ bytes, lengths: [bytes.length] });
    const [answers] = (await once(worker, "message")) as [string[]];
    expect(answers.map((answer) => JSON.parse(answer)[3][0][0].metadata.name)).toEqual(["r7"]);
  } finally {
    await worker.terminate();
  }
});
