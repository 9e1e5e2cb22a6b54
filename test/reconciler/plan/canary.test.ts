// Secret values in every place that manifests have for them: none reaches any view of the plan, or what is kept for GitHub.
import { expect, it } from "vitest";
import { createLoader } from "../../../reconciler/load/load-files.ts";
import type { PlannableSource } from "../../../reconciler/plan/make-plan.ts";
import { observedFromSource } from "../../../reconciler/plan/observed-from-source.ts";
import { renderPlanMarkdown } from "../../../reconciler/plan/render-markdown.ts";
import { renderPlanText } from "../../../reconciler/plan/render-text.ts";
import { annotatePlan } from "../../../reconciler/report/annotations.ts";
import { planCheck } from "../../../reconciler/report/plan-check.ts";
import { loadSource } from "../../../reconciler/source/load-source.ts";
import { NOTHING, NOW, plan, source } from "./builders.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Every value is a secret; the misspelt fields make problems, whose frames show the lines around them. */
const manifests = (value: string): string => `kind: Secret
metadata:
  name: s
  annotations: {kubectl.kubernetes.io/last-applied-configuration: '{"stringData":{"key":"${value}"}}'}
stringDate: {}
spec:
  stringData:
    key: ${value}
    text: |
      first line
      ${value}
  data: {other: ${base64(value)}}
---
kind: ModelEndpoint
metadata: {name: m}
spec:
  provider: openai-compatible
  default_model: x
  base_url: https://user:${value}@models.example.test/v1
  optoins: {}
  options:
    api_key: ${value}
---
kind: McpServer
metadata: {name: tools}
spec:
  transport: stdio
  command: node
  evn: []
  env:
    - name: API_TOKEN
      value: ${value}
---
kind: Tool
metadata: {name: t}
spec:
  type: cli
  cli:
    command: x
    env:
      DB_PASSWORD: ${value}
---
kind: Agent
metadata: {name: broken}
spec: {prompt: p}
`;

async function read(text: string): Promise<PlannableSource> {
  const { identity } = source([]);
  const bytes = Buffer.from(text);
  const answer = { status: "ok", identity, files: [{ path: "a.yaml", blob: text, bytes }], problems: [] } as const;
  const loaded = await loadSource(answer, createLoader());
  if (loaded.status === "unavailable") throw new Error(loaded.reason.message);
  return loaded;
}

/** Without the manifest that makes the set invalid. */
const valid = (text: string): string => text.replace(/---\nkind: Agent\n[^]*$/, "");

it.each([
  ["new", undefined, "canary-new"],
  ["changed", "canary-old", "canary-new"],
  ["gone", "canary-old", undefined],
])("shows no secret that is %s", async (_, before, after) => {
  const observed = before === undefined ? NOTHING : observedFromSource(await read(valid(manifests(before))));
  for (const text of after === undefined ? ["# nothing\n"] : [manifests(after), valid(manifests(after))]) {
    const made = plan({ source: await read(text), observed });
    const moment = { base: null, now: NOW };
    const views = [
      JSON.stringify(made),
      renderPlanText(made, { paint: (_style, shown) => shown, commit: null, ...moment }),
      renderPlanMarkdown(made, { head: null, base: null }),
      renderPlanMarkdown(made, { head: null, base: null, maxBytes: 1_500 }),
      JSON.stringify(annotatePlan(made)),
      JSON.stringify(planCheck(made, moment)),
    ].join("\n");
    for (const secret of ["canary", base64("canary-old").slice(0, 7), base64("canary-new").slice(0, 7)])
      expect(views).not.toContain(secret);
    expect(made.changes.length).toBeGreaterThan(0);
  }
});
