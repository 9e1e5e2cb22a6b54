// Everything that one run of the Action may know and use, made once from its variables.
import type { Plan } from "../../contracts/plan.ts";
import type { Github } from "../../reconciler/report/github.ts";
import type { Redis } from "../../store/connect.ts";
import type { Checkout } from "./checkout.ts";
import type { ActionEvent } from "./event.ts";
import type { ActionInputs } from "./inputs.ts";
import type { Job } from "./job.ts";

export interface ActionContext {
  readonly inputs: ActionInputs;
  readonly event: ActionEvent;
  readonly isRerun: boolean;
  readonly checkout: Checkout;
  /** A folder of the job's own, to be made when something goes into it. */
  readonly temporary: string;
  /** null: no token was given. */
  readonly github: Github | null;
  readonly repositoryUrl: string;
  readonly job: Job;
  readonly tool: Plan["tool"];
  readonly now: () => Date;
  readonly newId: () => string;
  /** Runs `use` with a checked connection to the Redis of `redis-url`, and closes it. */
  withRedis<T>(use: (redis: Redis) => Promise<T>): Promise<T>;
  readonly signal: AbortSignal;
}
