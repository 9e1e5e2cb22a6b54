// Files that another version read must not be believed where this version reads them otherwise.
import { expect, it } from "vitest";
import { digestText } from "../../../contracts/canonical.ts";
import { PARSE_VERSION, renderKnownFile } from "../../../reconciler/load/cache/known-file-text.ts";
import { readKnownFile } from "../../../reconciler/load/known-file.ts";
import { runAtOnce } from "../../../reconciler/load/pacer.ts";
import { createReadingKit } from "../../../reconciler/load/read-file.ts";

const TEXTS = [
  "kind: Agent\nmetadata: {name: a, labels: {n: 1}}\nspec: {modelRef: m, prompt: |-\n  x\n}\n",
  "apiVersion: countwheel.dev/v1\nkind: AgentSystem\nmetadata:\n  name: s\nspec:\n  agents: [a, b]\n  graph:\n    a: {next: b}\n",
  "kind: ToolPermission\nmetadata: {name: p}\nspec: {required_permissions: [x], operation_rules: [{operation_class: '*', verdict: deny}]}\n",
  "kind: TaskSchedule\nmetadata: {name: t}\nspec: {task_ref: t, schedule: '0 25 * * *', suspend: yes}\n",
  "kind: Agent\nmetadata: {name: a}\nspec: {model_ref: m, promt: x, tools: lone, limits: {max_steps: many}}\n",
  'kind: Tool\nmetadata: {name: t}\nspec: {type: http, endpoint: "^\\d+$", timeout: soon}\n',
  "apiVersion: countwheel.dev/v1\nkind: Agnet\nmetadata: {name: 1}\n---\nkind: Secret\nmetadata: {name: s}\nspec: {data: {a: b}}\n",
  "kind: Agent\nmetadata: {name: [}\n",
  "just: data\n",
];

it("changes with what reading a file answers", () => {
  const kit = createReadingKit();
  const bytes = TEXTS.map((text) => new TextEncoder().encode(text));
  const texts = bytes.map((one) => renderKnownFile(runAtOnce(readKnownFile(one, kit))));
  const answers = { version: PARSE_VERSION, digest: digestText(texts.join("\n")) };
  // Fails with another digest? Raise PARSE_VERSION by one, and put both values here.
  expect(answers).toEqual({
    version: 13,
    digest: "sha256:0add42646a3c4f760287a1197ea94d2ed3c3482219ca009887676818394848e5",
  });
});
