// The blueprints of `init` and an example, played to their end by a real runner with the mock model that they bring.
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { taskRules } from "../../contracts/task-rules.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { folderFiles } from "../reconciler/load/files.ts";
import { withWorlds } from "../redis.ts";
import { chainVerdict, openWorld, type World } from "./world.ts";

let world: World;

withWorlds(openWorld, (opened) => {
  world = opened;
});

async function play(example: string): Promise<TaskRef> {
  const folder = fileURLToPath(new URL(`../../examples/${example}`, import.meta.url));
  const { set } = await createLoader().load(folderFiles(folder));
  const manifests: readonly Manifest[] = set.manifests.map(({ manifest }) => manifest);
  const [spec] = manifests.flatMap((manifest) => specOf(manifest, "Task") ?? []);
  await world.runner();
  return world.start(manifests, spec?.system ?? "", { input: spec?.input ?? {}, ...taskRules(spec ?? {}) });
}

it.each([
  ["pipeline", {}],
  ["hierarchical", {}],
  ["swarm-loop", { coordinator: 2, "scout-near": 2, "scout-far": 2, judge: 2, reporter: 1 }],
])("the blueprint %s ends well", async (name, visits) => {
  const ref = await play(name);
  const task = await world.ended(ref, 30_000);
  expect([task.phase, task.lastError]).toEqual(["Succeeded", undefined]);
  const counted = Object.entries(visits).map(([agent]) => {
    return [agent, task.activations.filter((activation) => activation.agent === agent).length];
  });
  expect(Object.fromEntries(counted)).toEqual(visits);
  expect(await chainVerdict(world, ref)).toBe("intact");
});

it("the example inbox sends nothing that a stranger asked for, and says by which call it was private", async () => {
  const ref = await play("inbox");
  const task = await world.ended(ref, 30_000);
  expect([task.phase, task.output?.["archivist"]]).toEqual(["Succeeded", "Kept the letter."]);
  const denied = (await world.trace(ref)).filter(({ type }) => type === "tool.denied");
  expect(denied).toMatchObject([
    { tool: "mail.send", code: "FLOW_VIOLATION", reason: expect.stringContaining("memory.list (clerk#1 m1.c1)") },
  ]);
});
