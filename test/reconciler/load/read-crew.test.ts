// A large set is read by two threads where there can be two, and by one where there cannot; either way every file once.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
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
  const folder = mkdtempSync(join(tmpdir(), "countwheel-crew-"));
  const script = join(folder, "crew.mts");
  writeFileSync(
    script,
    `import { ReadCrew } from ${JSON.stringify(join(root, "reconciler/load/crew/read-crew.ts"))};
import { createPacer } from ${JSON.stringify(join(root, "reconciler/load/pacer.ts"))};
import { createReadingKit } from ${JSON.stringify(join(root, "reconciler/load/read-file.ts"))};
const files = Array.from({ length: ${MANY} }, (_, index) => ({
  blob: String(index),
  bytes: new TextEncoder().encode(${JSON.stringify(text(0))}.replaceAll("0", String(index))),
}));
const taken = [];
const reading = { kit: createReadingKit(), pace: createPacer(), signal: undefined };
await new ReadCrew().read(files, reading, ({ blob }, known) => {
  taken.push([blob, known.manifests[0]?.manifest.metadata.name]);
});
console.log(JSON.stringify({ all: taken.length, wrong: taken.filter(([blob, name]) => name !== "r" + blob).length,
  once: new Set(taken.map(([blob]) => blob)).size }));
`,
  );
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script], { cwd: root });
    expect(JSON.parse(stdout)).toMatchObject({ all: MANY, wrong: 0, once: MANY });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

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
