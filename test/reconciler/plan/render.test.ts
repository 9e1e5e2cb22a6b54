// How plans look: golden files for the whole, and that nothing from a manifest is more than text.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultSettings } from "../../../contracts/environment.ts";
import { countsLine, type Plan } from "../../../contracts/plan.ts";
import { githubLinks } from "../../../reconciler/plan/markdown-parts.ts";
import { renderPlanMarkdown } from "../../../reconciler/plan/render-markdown.ts";
import { renderPlanText } from "../../../reconciler/plan/render-text.ts";
import { BASE, manifest, NOW, observed, plan, problem, source } from "./builders.ts";

const agent = (spec: object) => manifest("Agent", "refunds", { ...spec }, { file: "agents/billing/refunds.yaml" });
const policy = (blocked: readonly string[]) =>
  manifest("AgentPolicy", "guard", { apply_mode: "global", blocked_tools: blocked });

function usualPlan() {
  const lookup = manifest("Tool", "orders.lookup", { description: "find an order" }, { file: "tools/orders.yaml" });
  const prompt = "Handle refunds.\nBe brief.\n";
  const before = [
    agent({ model_ref: "openai-default", tools: ["stripe.refund"], prompt }),
    manifest("Tool", "stripe.refund", { risk_level: "high" }),
    manifest("AgentRole", "legacy-refunds", {}, { file: "billing/role.yaml" }),
    manifest("Secret", "stripe", { string_data: { key: "old" } }),
    policy([]),
  ];
  const after = [
    agent({
      model_ref: "anthropic-default",
      tools: ["stripe.refund", "orders.lookup"],
      prompt: "Handle refunds.\nSee the order first.\nThen decide.\n",
    }),
    manifest("Tool", "stripe.refund", { risk_level: "high" }),
    manifest("Secret", "stripe", { string_data: { key: "new" } }),
    lookup,
    policy([]),
  ];
  return plan({ source: source(after), observed: observed(before) });
}

/** Every field that an author may fill with what he likes. */
function hostilePlan() {
  const evil =
    "</details><!-- x --> @team #1 ``` ` | \\| \u202Etxt\u200B \u001b[31m [a](javascript:x) https://evil.test";
  const bad = manifest(
    "Agent",
    "bad",
    { model_ref: evil, prompt: `\`\`\`\`\n${evil}\n`, tools: [evil] },
    {
      labels: { [evil]: evil },
      file: `x)](evil)\`|<b>/${evil.slice(0, 20)}.yaml`,
    },
  );
  const was = manifest("Agent", "bad", { model_ref: "m", prompt: "x\n", tools: [] });
  const warning = problem({ severity: "warning", summary: `\`${evil}\` is odd, ${evil}`, detail: evil, file: evil });
  return plan({ source: source([bad], [warning]), observed: observed([was]) });
}

const TEXT = { paint: (_style: string, text: string) => text, base: BASE, now: NOW } as const;
const commit = {
  sha: "9f8e7d6",
  subject: "let refunds see the order",
  author: "Ada",
  committedAt: "2026-11-01T11:58:00Z",
};
const golden = (name: string): string => join(import.meta.dirname, "golden", name);

describe("a plan in text", () => {
  it("looks as agreed", async () => {
    await expect(renderPlanText(usualPlan(), { ...TEXT, commit })).toMatchFileSnapshot(golden("usual.txt"));
  });

  it("shows hostile text inert", async () => {
    const text = renderPlanText(hostilePlan(), { ...TEXT, commit: { ...commit, subject: "\u001b[2Jgone\nPlan: 0" } });
    for (const unseen of ["\u001b", "\u202e", "\u200b"]) expect(text).not.toContain(unseen);
    await expect(text).toMatchFileSnapshot(golden("hostile.txt"));
  });

  it("ends with exactly the counts line", () => {
    const made = usualPlan();
    expect(
      renderPlanText(made, { ...TEXT, commit })
        .split("\n")
        .slice(-2),
    ).toEqual([countsLine(made.counts), ""]);
    const empty = plan({ source: source([]) });
    expect(
      renderPlanText(empty, { ...TEXT, commit: null })
        .split("\n")
        .slice(-2),
    ).toEqual(["No changes.", ""]);
  });

  it("says that what is broken is left out, so that a plan of little does not look like a set in order", () => {
    const broken = source([manifest("ModelEndpoint", "m")], [problem({ address: "Agent/default/b" })]);
    const isolated = { ...defaultSettings("production"), isolate: true };
    const ends = (made: Plan): string[] =>
      renderPlanText(made, { ...TEXT, commit: null })
        .split("\n")
        .slice(-4, -2);
    expect(ends(plan({ source: source([], [problem()]) }))[0]).toContain("Nothing is applied until they are mended.");
    expect(ends(plan({ source: broken, settings: isolated }))[0]).toContain(
      "and nothing is pruned, until they are mended.",
    );
    expect(ends(usualPlan())[0]).not.toContain("mended");
  });
});

const MARKDOWN = {
  head: "9f8e7d6",
  base: BASE,
  linkTo: githubLinks("https://github.test/acme/agents"),
} as const;

describe("a plan in Markdown", () => {
  it("looks as agreed", async () => {
    await expect(renderPlanMarkdown(usualPlan(), MARKDOWN)).toMatchFileSnapshot(golden("usual.md"));
  });

  it("shows hostile text inert", async () => {
    const text = renderPlanMarkdown(hostilePlan(), MARKDOWN);
    for (const unseen of ["\u001b", "\u202e", "\u200b"]) expect(text).not.toContain(unseen);
    expect(outsideOfCode(text)).not.toMatch(/@team|#1\b|<!--|<b>|https:\/\/evil/);
    expect(outsideOfCode(text).match(/<\/?details>/g)).toHaveLength(2);
    await expect(text).toMatchFileSnapshot(golden("hostile.md"));
  });

  it("begins with the marker and keeps the counts, prunes and problems at every length", () => {
    const many = Array.from({ length: 60 }, (_, index) =>
      manifest("Agent", `agent-${index}`, { model_ref: "m", prompt: `line ${index}\n`.repeat(40) }),
    );
    const gone = manifest("AgentRole", "legacy", {});
    const made = plan({
      source: source(many, [problem({ severity: "warning", summary: "odd" })]),
      observed: observed([gone]),
    });
    for (const maxBytes of [200_000, 40_000, 20_000, 8_000, 2_000]) {
      const text = renderPlanMarkdown(made, { ...MARKDOWN, maxBytes });
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
      expect(text).toMatch(/^<!-- countwheel:plan v=1 env=production .* -->\n/);
      for (const kept of [countsLine(made.counts), "`AgentRole/legacy`", "odd"]) expect(text).toContain(kept);
    }
  });

  it("counts what no longer fits of a thousand prunes", () => {
    const gone = Array.from({ length: 5_000 }, (_, index) => manifest("AgentRole", `legacy-${index}`));
    const made = plan({ source: source([]), observed: observed(gone) });
    const text = renderPlanMarkdown(made, MARKDOWN);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_536);
    expect(text).toContain("and 4700 more");
    expect(text).toContain("5000 to prune.");
  });
});

/** What Markdown does not take literally: fences and code spans are cut out as GitHub would find them. */
function outsideOfCode(text: string): string {
  return text
    .replace(/^(`{3,})[^\n`]*\n[\s\S]*?\n\1$/gm, "")
    .replace(/(?<![`\\])(`+)(?!`)([\s\S]*?[^`])\1(?!`)/g, "")
    .replace(/^<!-- countwheel:.*$/m, "");
}
