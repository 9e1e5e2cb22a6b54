// The tip of the deploy branch as GitHub has it, whatever commit lies in the job's checkout.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import { openSource } from "../../reconciler/environment-source.ts";
import type { LoopSource } from "../../reconciler/loop.ts";
import type { RepositoryOptions } from "../../reconciler/source/locate-repository.ts";
import type { TickSource } from "../../reconciler/tick.ts";
import { careOf } from "../source-care.ts";
import type { ActionContext } from "./action-context.ts";
import { placeOf } from "./settings.ts";

export function tipRepository({ checkout, inputs, repositoryUrl }: ActionContext): RepositoryOptions {
  const token = inputs.token === undefined ? {} : { token: inputs.token };
  return { ...checkout, repo: repositoryUrl, ...token };
}

export function tipSource(action: ActionContext, settings: EnvironmentSettings, branch: string): LoopSource {
  const { inputs, checkout, repositoryUrl, job } = action;
  const { git, mirrorFolder, loader, workspace } = checkout;
  const token = inputs.token === undefined ? {} : { token: inputs.token };
  const onProblem = (message: string): void => job.notice(message);
  const care = careOf({ settings, folder: workspace });
  const { path } = placeOf(action, settings);
  const tools = { git, mirrorFolder, loader, onProblem, ...care, ...token };
  return openSource({ kind: "commit", repo: repositoryUrl, ref: `refs/heads/${branch}`, path }, tools);
}

/** A commit that came in between may have settings of its own: it is the affair of its own run. */
export function onlyAt(source: TickSource, sha: string): TickSource {
  return {
    ...source,
    async read(signal) {
      const answer = await source.read(signal);
      if (answer.status === "unavailable" || answer.identity.headSha === sha) return answer;
      const message = "the branch moved while it was read; the run of the newer push applies it, or run this job again";
      return { status: "unavailable", reason: { code: "READ_FAILED", message } };
    },
  };
}
