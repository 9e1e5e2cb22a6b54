// Small builders for report tests: plans and connections that show only what a test is about.
import { addressOf, type KindName } from "../../../contracts/address.ts";
import { type Change, PLAN_FORMAT_VERSION, type Plan, planDigest } from "../../../contracts/plan.ts";
import type { Problem } from "../../../contracts/problem.ts";
import { connectGithub, type Github } from "../../../reconciler/report/github.ts";

export const HEAD = "9f8e7d6".padEnd(40, "0");
export const BASE = "a1b2c3d".padEnd(40, "0");
export const NOW = new Date("2026-11-22T14:03:00Z");

export const TOKENS = {
  "app-token": { kind: "app", slug: "github-actions" },
  "other-app-token": { kind: "app", slug: "another-bot" },
  "personal-token": { kind: "personal", login: "ada" },
  "read-token": { kind: "read-only" },
} as const;

/** A connection that waits for nothing: tests count requests, not seconds. */
export function connect(url: string, token: keyof typeof TOKENS = "app-token"): Github {
  return connectGithub({
    apiUrl: url,
    token,
    repository: { owner: "acme", name: "agents" },
    pace: "none",
    waitForLimitMs: 0,
  });
}

export function change(
  action: Change["action"],
  name: string,
  more: Partial<Change> & { readonly kind?: KindName } = {},
): Change {
  const kind = more.kind ?? "Agent";
  return {
    address: addressOf({ kind, namespace: "default", name }),
    namespace: "default",
    name,
    action,
    reason: "the state holds no record of it",
    source: { file: `agents/${name}.yaml`, line: 2, column: 1 },
    sensitivePaths: [],
    fields: [],
    ...more,
    kind,
  };
}

export function problem(code: Problem["code"], more: Partial<Problem> = {}): Problem {
  const place = { file: "agents/bad.yaml", line: 4, column: 3 };
  return { severity: "error", code, summary: "`x` is wrong", detail: "", ...place, ...more };
}

export function planOf(changes: readonly Change[], more: Partial<Plan> = {}): Plan {
  const open = changes.filter(({ blocked }) => blocked === undefined);
  const count = (action: Change["action"]): number => open.filter((one) => one.action === action).length;
  const body = {
    formatVersion: PLAN_FORMAT_VERSION,
    planId: "plan-1",
    createdAt: NOW.toISOString(),
    expiresAt: new Date(NOW.getTime() + 86_400_000).toISOString(),
    tool: { name: "countwheel", version: "0.1.0" },
    source: {
      repo: "https://github.test/acme/agents",
      ref: "refs/heads/main",
      headSha: HEAD,
      treeSha: "7".repeat(40),
      path: "deploy",
      dirty: false,
      history: "fast-forward",
    },
    state: { env: "production", lineage: "lineage-1", serial: 41, touched: [] },
    policyDigest: "sha256:5e0c",
    configDigest: "sha256:c0f1",
    counts: {
      create: count("create"),
      update: count("update"),
      move: count("move"),
      prune: count("prune"),
      noop: 0,
      blocked: changes.length - open.length,
      invalid: (more.problems ?? []).length,
    },
    changes,
    access: [],
    drift: [],
    problems: [],
    confirm: null,
    hints: [],
    applyable: true,
    ...more,
  } as const;
  return { ...body, digest: planDigest(body) };
}
