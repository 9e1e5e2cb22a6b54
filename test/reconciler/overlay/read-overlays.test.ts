// Overlays of a commit and of a working tree: read with the manifests, taken out of them, never half of them.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openSource, type SourceTools } from "../../../reconciler/environment-source.ts";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import { TEST_GIT, type TestRepository, testRepository } from "../../git.ts";
import { gitServer } from "../source/git-server.ts";

const MODEL = "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: mock}\n";
const patch = (model: string): string => `kind: ModelEndpoint\nmetadata: {name: m}\nspec: {default_model: ${model}}\n`;
const signal = new AbortController().signal;

let repository: TestRepository;
let mirrorFolder: string;
beforeAll(async () => {
  mirrorFolder = await mkdtemp(join(tmpdir(), "cw-mirrors-"));
  repository = await testRepository({
    "agents/m.yaml": MODEL,
    "agents/overlays/prod/m.yaml": patch("inner"),
    "overlays/eu/m.yaml": patch("eu"),
  });
  await repository.push();
});
afterAll(async () => {
  await repository.remove();
  await rm(mirrorFolder, { recursive: true, force: true });
});

const tools = (overlays: readonly string[]): SourceTools => ({
  git: TEST_GIT,
  mirrorFolder,
  loader: createLoader(),
  overlays,
  onProblem: () => undefined,
});

async function model(repo: string, overlays: readonly string[]) {
  const spec =
    repo === "folder"
      ? ({ kind: "folder", folder: join(repository.folder, "agents"), shownAs: "agents" } as const)
      : ({ kind: "commit", repo, ref: "main", path: "agents" } as const);
  const answer = await openSource(spec, tools(overlays)).read(signal);
  if (answer.status !== "ok") return answer;
  const [manifest] = answer.set.manifests;
  return {
    count: answer.load.manifestCount,
    dirty: answer.identity.dirty,
    model: manifest?.manifest.spec["default_model"],
    file: manifest?.locate("/spec/default_model").file,
  };
}

it("patches what a commit holds, in the order of the settings", async () => {
  expect(await model(repository.folder, ["agents/overlays/prod"])).toEqual({
    count: 1,
    dirty: false,
    model: "inner",
    file: "agents/overlays/prod/m.yaml",
  });
  expect(await model(repository.folder, ["agents/overlays/prod", "overlays/eu"])).toMatchObject({ model: "eu" });
  expect(await model(repository.folder, ["overlays/eu", "agents/overlays/prod"])).toMatchObject({ model: "inner" });
});

it("patches what a mirror holds, and fetches the patches", async () => {
  const server = await gitServer(repository.bare);
  expect(await model(server.url, ["overlays/eu"])).toMatchObject({ status: "invalid" });
  expect(await model(server.url, ["agents/overlays/prod", "overlays/eu"])).toMatchObject({ model: "eu", count: 1 });
  await server.stop();
});

it("patches a working tree, which is dirty as soon as one of its patches is", async () => {
  expect(await model("folder", ["agents/overlays/prod", "overlays/eu"])).toMatchObject({
    model: "eu",
    file: "overlays/eu/m.yaml",
  });
  await repository.write({ "overlays/eu/m.yaml": patch("edited") });
  expect(await model("folder", ["agents/overlays/prod", "overlays/eu"])).toMatchObject({
    model: "edited",
    dirty: true,
  });
});

it("is unavailable where a directory of patches is not there: without them the set is another", async () => {
  expect(await model(repository.folder, ["overlays/gone"])).toMatchObject({
    status: "unavailable",
    reason: { code: "PATH_NOT_FOUND" },
  });
  expect(await model("folder", ["overlays/gone"])).toMatchObject({ status: "unavailable" });
  expect(await model(repository.folder, ["../outside"])).toMatchObject({ status: "unavailable" });
});
