// What a runner has and how much it takes on: what it was started with goes before what its Worker manifest says. Pure.
import type { WorkerSpec } from "../contracts/kinds/worker.ts";
import type { Announced } from "../contracts/matching.ts";
import { RUNNER_LIMITS } from "./limits.ts";

/** What the runner was started with; undefined where nothing was said. */
export interface GivenFacts {
  readonly concurrency?: number | undefined;
  readonly region?: string | undefined;
  readonly gpu?: boolean | undefined;
  readonly models?: readonly string[] | undefined;
}

export interface RunnerFacts {
  readonly concurrency: number;
  readonly announced: Announced;
}

export function runnerFacts(given: GivenFacts, described: WorkerSpec | undefined): RunnerFacts {
  const region = given.region ?? described?.region;
  return {
    concurrency: given.concurrency ?? described?.max_concurrent_tasks ?? RUNNER_LIMITS.concurrency,
    announced: {
      ...(region === undefined ? {} : { region }),
      gpu: given.gpu ?? described?.capabilities?.gpu ?? false,
      models: given.models ?? described?.capabilities?.supported_models ?? [],
    },
  };
}
