// One run of the Action from its variables to its exit code: checks the inputs, reads the event, plans or applies.
import { join } from "node:path";
import type { Plan } from "../../contracts/plan.ts";
import { createLoader } from "../../reconciler/load/load-files.ts";
import { connectGithub } from "../../reconciler/report/github.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { failureOf } from "../output.ts";
import type { ActionContext } from "./action-context.ts";
import { type ActionRun, readRun } from "./event.ts";
import { type ActionInputs, readInputs, type Variables } from "./inputs.ts";
import { createJob, type Job } from "./job.ts";
import { runPlan } from "./run-plan.ts";

/** The process, as far as the Action knows it. */
export interface ActionProcess {
  readonly variables: Variables;
  readonly write: (text: string) => void;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly tool: Plan["tool"];
  readonly signal: AbortSignal;
}

export async function runAction(around: ActionProcess): Promise<ExitCode> {
  const job = createJob(around.variables, around.write, around.newId);
  try {
    const answer = readInputs(around.variables);
    if (answer.outcome === "valid") return await start(around, job, answer.inputs);
    for (const problem of answer.problems) job.error(problem);
    await job.setOutputs({ verdict: "failed" });
    return EXIT.usage;
  } catch (error) {
    if (around.signal.aborted) {
      job.error("cancelled");
      return EXIT.failed;
    }
    const failure = failureOf(error);
    job.error(`${failure.code}: ${failure.message}`);
    await job.setOutputs({ verdict: "failed" });
    return failure.exitCode;
  }
}

async function start(around: ActionProcess, job: Job, inputs: ActionInputs): Promise<ExitCode> {
  const run = await readRun(around.variables);
  const todo = decide(run, inputs);
  switch (todo.what) {
    case "plan":
      return runPlan(createContext(around, job, inputs, run));
    case "apply": {
      // Loaded only here: most runs need no Redis, and its clients take longer to start than all the rest.
      const { runApply } = await import("./run-apply.ts");
      return runApply(createContext(around, job, inputs, run), todo.branch);
    }
    case "drift": {
      const { runDrift } = await import("./run-drift.ts");
      return runDrift(createContext(around, job, inputs, run), todo.branch);
    }
    case "skip":
      job.print(todo.why);
      await job.setOutputs({ verdict: "skipped", changed: false });
      return EXIT.ok;
    case "refuse":
      job.error(todo.why);
      await job.setOutputs({ verdict: "failed" });
      return EXIT.usage;
  }
}

type Todo =
  | { readonly what: "plan" }
  | { readonly what: "apply" | "drift"; readonly branch: string }
  | { readonly what: "skip" | "refuse"; readonly why: string };

/** Only what reached the deploy branch is applied; the clock and a click ask for its drift; everything else is planned. */
function decide({ event, defaultBranch }: ActionRun, { command, ref, redisUrl }: ActionInputs): Todo {
  const branch = ref?.replace(/^refs\/heads\//, "") ?? defaultBranch;
  if ((event.kind === "pull-request" || event.kind === "merge-group") && event.closed) {
    return { what: "skip", why: "Nothing to do: it is closed." };
  }
  const deployed = event.kind === "push" && event.branch === branch;
  const asked = event.kind === "other" && event.name !== "push";
  if (command === "plan") return { what: "plan" };
  if (command === "auto" && deployed && redisUrl !== undefined) return { what: "apply", branch: event.branch };
  const isTime = asked && (event.name === "schedule" || event.name === "workflow_dispatch");
  const looked = command === "drift" || (command === "auto" && isTime && redisUrl !== undefined);
  if (looked && branch !== null) return { what: "drift", branch };
  if (command === "auto") return { what: "plan" };
  if (command === "apply" && branch !== null && (deployed || asked)) return { what: "apply", branch };
  return {
    what: "refuse",
    why: `\`command: ${command}\` is about the tip of \`${branch ?? "the deploy branch"}\`; this event is not about it. Use \`command: auto\`.`,
  };
}

function createContext(around: ActionProcess, job: Job, inputs: ActionInputs, run: ActionRun): ActionContext {
  const { variables, now, newId, tool, signal } = around;
  const temporary = join(variables["RUNNER_TEMP"] || run.workspace, "countwheel");
  const { apiUrl, repository, event, isRerun } = run;
  // Servers without limits, such as a GitHub Enterprise Server of one's own, need no second between two writes.
  const pace = variables["COUNTWHEEL_GITHUB_PACE"] === "none" ? "none" : "github";
  const limits = { pace, waitForLimitMs: 60_000 } as const;
  return {
    inputs,
    event,
    isRerun,
    job,
    tool,
    now,
    newId,
    signal,
    temporary,
    checkout: {
      git: { path: variables["PATH"] ?? "" },
      workspace: run.workspace,
      mirrorFolder: join(temporary, "mirrors"),
      loader: createLoader(),
      signal,
    },
    // Without the signal: a job that is cancelled still has a few seconds to conclude its check.
    github: inputs.token === undefined ? null : connectGithub({ apiUrl, token: inputs.token, repository, ...limits }),
    repositoryUrl: `${run.serverUrl}/${repository.owner}/${repository.name}`,
    withRedis: (use) => withRedis(inputs, use),
  };
}

async function withRedis<T>(
  { redisUrl, allowUnprotected, stateKey }: ActionInputs,
  use: (redis: Redis) => Promise<T>,
): Promise<T> {
  const { checkServer, closeRedis, connectRedis } = await import("../../store/connect.ts");
  const redis = connectRedis(redisUrl ?? "", "command", stateKey);
  try {
    await checkServer(redis, { allowUnprotected });
    return await use(redis);
  } finally {
    await closeRedis(redis);
  }
}
