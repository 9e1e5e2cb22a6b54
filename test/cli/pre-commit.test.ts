// `.pre-commit-hooks.yaml`: what pre-commit would start is a command of ours that passes and fails as it should.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { commandRoom } from "./command.ts";

const ROOT = join(import.meta.dirname, "../..");
const [hook] = parse(readFileSync(join(ROOT, ".pre-commit-hooks.yaml"), "utf8")) as readonly Record<string, unknown>[];

it("names what pre-commit asks for, and hands no single files to a check of whole sets", () => {
  expect(hook).toMatchObject({ id: "countwheel-validate", language: "system", pass_filenames: false });
  expect("agents/a.yaml").toMatch(new RegExp(String(hook?.["files"])));
});

it("passes a valid set and fails a broken one", async () => {
  const room = commandRoom();
  const [, ...words] = String(hook?.["entry"]).split(" ");
  room.write({
    "agents/m.yaml": "kind: ModelEndpoint\nmetadata: {name: m}\nspec: {provider: mock, default_model: x}\n",
  });
  expect(await room.runProcess(...words, "agents")).toMatchObject({ code: 0 });
  room.write({ "agents/n.yaml": "kind: ModelEndpoint\nmetadata: {name: n}\n" });
  expect(await room.run(...words, "agents")).toMatchObject({ code: 3 });
  room.remove();
});
