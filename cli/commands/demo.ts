// `demo`: the whole line in a throw-away repository, with the commands that a user would type. Nothing of it is left.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { renderDuration } from "../../contracts/duration.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { Stage } from "../demo/stage.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { packageRoot } from "../package-facts.ts";

const EXAMPLE = "telegram-bot";
const SOURCE = ["--repo", "agents.git", "--ref", "main"];
/** Longest wait for something that takes a second: then the demo says what is missing instead of hanging. */
const PATIENCE_MS = 40_000;

export async function runDemo(host: Host, _options: CommonFlags): Promise<ExitCode> {
  const startedAt = performance.now();
  const stage = await Stage.open(host);
  try {
    await Promise.race([play(stage), interrupted(host)]);
  } finally {
    await stage.close();
  }
  stage.write(ending(performance.now() - startedAt));
  return EXIT.ok;
}

async function interrupted({ signal }: Host): Promise<never> {
  return await new Promise((_resolve, reject) => {
    const stop = (): void =>
      reject(new PermanentFailure("INTERRUPTED", "the demo was stopped; everything of it was removed"));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

async function play(stage: Stage): Promise<void> {
  await commitFirst(stage);
  await planAndApply(stage);
  await runAgents(stage);
  await pushAgain(stage);
  await verify(stage);
}

async function commitFirst(stage: Stage): Promise<void> {
  stage.scene(
    "1  A repository of agents",
    "Four agents, their models, tools, an MCP server and policies, as YAML in Git (examples/telegram-bot).",
  );
  await stage.git(".", "init", "-q", "--bare", "-b", "main", "agents.git");
  await stage.git(".", "clone", "-q", "agents.git", "work");
  await cp(join(packageRoot(), "examples", EXAMPLE), join(stage.folder, "work"), { recursive: true });
  await stage.git("work", "checkout", "-q", "-B", "main");
  await stage.git("work", "add", ".");
  await stage.gitShown("work", "commit", "-q", "-m", "the channel's agents");
  await stage.gitShown("work", "push", "-q", "origin", "main");
}

async function planAndApply(stage: Stage): Promise<void> {
  stage.scene(
    "2  The commit becomes a plan, and the plan a state",
    "Like terraform: what is declared is compared with what Redis holds; nothing happens until it is applied.",
  );
  await stage.countwheel(["plan", ...SOURCE], (plan) => middleCut(plan, 8, 5));
  await stage.countwheel(["apply", ...SOURCE, "--yes"], lastLines(3));
}

async function runAgents(stage: Stage): Promise<void> {
  stage.scene(
    "3  A runner claims the tasks that the commit declared",
    "Every model turn and every tool call passes the policy gate; `notes--…` is a real MCP server that starts when it is needed.",
  );
  const runner = stage.background(["runner", "--id", "r1"]);
  await runner.line(/takes activations/);
  await Promise.all(["channel-post", "weekly-report"].map((task) => ended(stage, task)));
  await stage.countwheel(["get", "tasks"], (table) => table);
  await stage.countwheel(["trace", "channel-post"], (trace) => trace);
  stage.scene(
    "4  A blocked tool call is a hard stop, not a polite refusal",
    "`weekly-report` tried a tool that cost-policy blocks. The call was never made; the trace says why.",
  );
  await stage.countwheel(["trace", "weekly-report"], (trace) => trace);
}

async function pushAgain(stage: Stage): Promise<void> {
  stage.scene("5  git push deploys", "A reconciler watches the repository. The pull request would show this plan:");
  const reconciler = stage.background(["reconcile", ...SOURCE]);
  await reconciler.line(/Watching/);
  await editWork(stage);
  await stage.gitShown("work", "commit", "-q", "-a", "-m", "a new topic, and a planner who asks shorter questions");
  await stage.git("work", "push", "-q", "origin", "main:review");
  await stage.countwheel(["plan", "--repo", "agents.git", "--ref", "review", "-o", "markdown"], (comment) =>
    middleCut(comment, 24, 6),
  );
  await stage.gitShown("work", "push", "-q", "origin", "main");
  const pushedAt = performance.now();
  const applied = await patiently(reconciler.line(/[Aa]pplied .*#2|#2/), "the push was not applied");
  stage.write(`  ${applied.trim()}\n  (${renderDuration(performance.now() - pushedAt)} after the push)\n`);
  await ended(stage, "channel-post-g2");
}

async function verify(stage: Stage): Promise<void> {
  stage.scene(
    "6  One chain from the commit to every step",
    "Each event of a trace carries the hash of the one before it.",
  );
  await stage.countwheel(["audit", "verify"], (text) => text);
}

async function editWork(stage: Stage): Promise<void> {
  await edit(stage, "tasks/channel-post.yaml", "how a striking clock counts", "why a clock strikes at all");
  await edit(stage, "agents/planner.yaml", "three questions", "three short questions");
}

async function edit(stage: Stage, file: string, before: string, after: string): Promise<void> {
  const path = join(stage.folder, "work", file);
  await writeFile(path, (await readFile(path, "utf8")).replace(before, after));
}

const LOOK_MS = 100;

/** Waits until a task has come to its end, whatever that is. */
async function ended(stage: Stage, task: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await stage.hasEnded(task))) {
    if (performance.now() > deadline) throw new PermanentFailure("DEMO_FAILED", `task ${task} did not end`);
    await wait(LOOK_MS);
  }
}

async function patiently<T>(waited: Promise<T>, what: string): Promise<T> {
  const late = AbortSignal.timeout(PATIENCE_MS);
  const tooLate = new Promise<never>((_resolve, reject) => {
    late.addEventListener("abort", () => reject(new PermanentFailure("DEMO_FAILED", what)), { once: true });
  });
  return await Promise.race([waited, tooLate]);
}

function lastLines(count: number): (text: string) => string {
  return (text) => text.trimEnd().split("\n").slice(-count).join("\n");
}

/** The beginning and the end, and how much was left out: one screen of story. */
function middleCut(text: string, first: number, last: number): string {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= first + last + 1) return text;
  const cut = lines.length - first - last;
  return [...lines.slice(0, first), `… ${cut} more lines …`, ...lines.slice(-last)].join("\n");
}

function ending(tookMs: number): string {
  return `
Done in ${renderDuration(tookMs)}; nothing was left behind.
Read:  README.md, ARCHITECTURE.md, examples/${EXAMPLE}
Try:   npx countwheel init agents && npx countwheel up agents
`;
}
