// The workflows that `init` writes for GitHub: a plan on every pull request, an apply on every push, a look for drift every
// night. Least permissions, pinned versions, and nothing of a pull request in a `run:`.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** A tag can be moved to other code; a commit cannot. */
const CHECKOUT = "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0";

export interface WorkflowFacts {
  /** The manifests, from the repository's root, with `/`. */
  readonly path: string;
  /** Of this Countwheel. */
  readonly version: string;
}

/** Paths from the repository's root → texts. */
export function workflowFiles({ path, version }: WorkflowFacts): ReadonlyMap<string, string> {
  return new Map([
    [".github/workflows/countwheel-plan.yml", planWorkflow(path, version)],
    [".github/workflows/countwheel-apply.yml", applyWorkflow(path, version)],
    [".github/workflows/countwheel-drift.yml", driftWorkflow(path, version)],
  ]);
}

/** Whether a repository is one that GitHub's workflows are of use to, as far as it shows. */
export function isOnGitHub(root: string): boolean {
  const config = join(root, ".git", "config");
  if (existsSync(join(root, ".github"))) return true;
  return (
    existsSync(config) && statSync(config).isFile() && /^\s*url\s*=.*\bgithub\b/imu.test(readFileSync(config, "utf8"))
  );
}

function planWorkflow(path: string, version: string): string {
  return `# Shows on each pull request what its merge would change. Written by \`countwheel init\`; yours to edit.
name: countwheel plan

on:
  pull_request:
    types: [opened, synchronize, reopened, ready_for_review]
  # Required checks wait for ever in a merge queue that nobody answers.
  merge_group:

permissions:
  contents: read
  pull-requests: write
  checks: write

concurrency:
  group: countwheel-plan-\${{ github.ref }}
  cancel-in-progress: true

jobs:
  plan:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
${steps(path, version, "plan")}`;
}

function applyWorkflow(path: string, version: string): string {
  return `# Applies what reaches the branch. Written by \`countwheel init\`; yours to edit.
name: countwheel apply

on:
  push:
    branches: [main]

permissions:
  contents: read
  pull-requests: write
  checks: write

# One at a time. The tip of the branch is applied, so a push that waits in vain is not lost.
concurrency:
  group: countwheel-apply

jobs:
  apply:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    # GitHub's own human gate: an environment with required reviewers (Settings, Environments) lets each apply wait for one of
    # them. Its secrets are given to no other job: keep COUNTWHEEL_REDIS_URL there.
    # environment: production
    steps:
${steps(path, version, "apply")}`;
}

function driftWorkflow(path: string, version: string): string {
  return `# Looks every night whether anything is otherwise than it was applied, and tells in one issue, which it closes again.
# Written by \`countwheel init\`; yours to edit.
name: countwheel drift

on:
  schedule:
    - cron: "17 3 * * *"
  workflow_dispatch:

permissions:
  contents: read
  # Without it the drift is in the job's summary alone.
  issues: write

concurrency:
  group: countwheel-drift

jobs:
  drift:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    steps:
${steps(path, version, "drift")}`;
}

function steps(path: string, version: string, command: "plan" | "apply" | "drift"): string {
  return `      - uses: ${CHECKOUT}
        with:
          # Commits are compared: the base is needed as well as the head.
          fetch-depth: 0
          persist-credentials: false
      - uses: countwheel/countwheel@v${version}
        with:
          command: ${command}
          path: ${JSON.stringify(path)}
          # What was applied is remembered there: without it a plan compares with the base branch, and nothing else is done.
          redis-url: \${{ secrets.COUNTWHEEL_REDIS_URL }}
`;
}
