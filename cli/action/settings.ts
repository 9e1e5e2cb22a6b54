// The settings of the environment, out of `countwheel.yaml` of a commit that was let in: the base of a pull request, the tip
// that is applied. Never of a pull request's head, which could loosen what it is judged by.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { Problem } from "../../contracts/problem.ts";
import {
  type Environments,
  type EnvironmentsAnswer,
  readEnvironments,
} from "../../reconciler/environments/read-environments.ts";
import { SETTINGS_FILE } from "../../reconciler/environments/settings-file.ts";
import { settingsNamed } from "../../reconciler/environments/settings-named.ts";
import { codeSpan, prose } from "../../reconciler/plan/inert.ts";
import type { PlannableSource } from "../../reconciler/plan/make-plan.ts";
import type { RepositoryOptions } from "../../reconciler/source/locate-repository.ts";
import { type CommitTextAnswer, readCommitText } from "../../reconciler/source/read-commit-text.ts";
import { repositoryName } from "../reconcile/name-on-github.ts";
import type { ActionContext } from "./action-context.ts";
import { type ManifestPlace, missing } from "./checkout.ts";
import type { ActionEvent } from "./event.ts";

export interface PlanSettings {
  readonly settings: EnvironmentSettings;
  /** Lines of Markdown, of ours. */
  readonly remarks: readonly string[];
  /** What is wrong with the file in the head: it would hold nothing back any more once it is merged. */
  readonly problems: readonly Problem[];
}

/**
 * A base whose file is broken must not hold up the change that mends it: that one is planned as carefully as where nobody
 * has written any settings, and where the head says that its manifests are.
 */
export async function readPlanSettings(action: ActionContext): Promise<PlanSettings> {
  const { event, inputs } = action;
  const base = settingsCommit(event);
  const [trusted, head] = [await readHere(action, base), await readHere(action, event.head)];
  const next = readEnvironments(SETTINGS_FILE, head ?? "");
  const problems = next.outcome === "read" ? [] : next.problems;
  const changed = head === trusted ? [] : [changedNote(base)];
  const read = readEnvironments(SETTINGS_FILE, trusted ?? "");
  if (read.outcome === "read") {
    const { settings, remark } = settingsNamed(read.environments, inputs.environment);
    refuseElsewhere(action, settings);
    return { settings, remarks: [...(remark === null ? [] : [prose(remark)]), ...changed], problems };
  }
  const { path, overlays } = settingsNamed(environmentsOf(next), inputs.environment).settings;
  const settings = { ...defaultSettings(inputs.environment), path, overlays };
  const broken = `${codeSpan(SETTINGS_FILE)} of ${codeSpan(base.slice(0, 7))} is broken: this plan is made under the defaults.`;
  return { settings, remarks: [broken, ...changed], problems };
}

function environmentsOf(answer: EnvironmentsAnswer): Environments {
  return answer.outcome === "read" ? answer.environments : new Map();
}

function changedNote(base: string): string {
  const [file, commit] = [codeSpan(SETTINGS_FILE), codeSpan(base.slice(0, 7))];
  return `This change edits ${file}. What it says holds once it is merged; until then its plan is made under the settings of ${commit}.`;
}

/** A push was let in by whoever may push: what was there before judges it, like the base of a pull request. */
function settingsCommit(event: ActionEvent): string {
  switch (event.kind) {
    case "pull-request":
    case "merge-group":
      return event.base;
    case "push":
      return event.before ?? event.head;
    case "other":
      return event.head;
  }
}

async function readHere({ checkout }: Pick<ActionContext, "checkout">, ref: string): Promise<string | null> {
  const answer = await readSettingsText({ ...checkout, repo: checkout.workspace }, ref);
  if (answer.status === "unavailable") throw missing(answer.reason, ref);
  return answer.text;
}

function readSettingsText(options: RepositoryOptions, ref: string): Promise<CommitTextAnswer> {
  return readCommitText({ ...options, ref, path: SETTINGS_FILE, what: "the settings of environments" });
}

export type TipSettings =
  /** `sha`: the commit that they are of. No other may be applied under them. */
  | { readonly outcome: "read"; readonly settings: EnvironmentSettings; readonly sha: string }
  /** What is wrong with the file has been told. */
  | { readonly outcome: "invalid" };

/** Throws PermanentFailure ENVIRONMENT_ELSEWHERE, or what keeps the tip from being read. */
export async function readTipSettings(
  action: ActionContext,
  repository: RepositoryOptions,
  branch: string,
): Promise<TipSettings> {
  const { inputs, job } = action;
  const answer = await readSettingsText(repository, `refs/heads/${branch}`);
  if (answer.status === "unavailable") throw new PermanentFailure(answer.reason.code, answer.reason.message);
  const read = readEnvironments(SETTINGS_FILE, answer.text ?? "");
  if (read.outcome === "invalid") {
    for (const { file, line, code, summary } of read.problems) job.error(`${file}:${line}: ${code}: ${summary}`);
    job.error(`${SETTINGS_FILE} must be mended first; nothing was changed`);
    return { outcome: "invalid" };
  }
  const { settings, remark } = settingsNamed(read.environments, inputs.environment);
  if (remark !== null) job.notice(remark);
  refuseElsewhere(action, settings);
  refuseOtherBranch(action, settings, branch);
  return { outcome: "read", settings, sha: answer.sha };
}

/** The Action reads the repository that it runs in. Manifests of another one would look as if all had been deleted. */
function refuseElsewhere({ inputs, repositoryUrl }: ActionContext, { repo }: EnvironmentSettings): void {
  if (repo === null || repo === ".") return;
  const [own, named] = [repositoryUrl, repo].map((url) => repositoryName(url, undefined)?.toLowerCase());
  if (own !== undefined && own === named) return;
  const message = `${SETTINGS_FILE} says that the manifests of environment \`${inputs.environment}\` are in \`${repo}\`, and this job runs in ${repositoryUrl}: run the Action there, or a reconciler`;
  throw new PermanentFailure("ENVIRONMENT_ELSEWHERE", message);
}

/** Whoever writes the workflow may say another branch; what says nothing does not win over the settings. */
function refuseOtherBranch({ inputs }: ActionContext, { ref }: EnvironmentSettings, branch: string): void {
  if (ref === null || inputs.ref !== undefined || ref.replace(/^refs\/heads\//, "") === branch) return;
  const message = `${SETTINGS_FILE} says that environment \`${inputs.environment}\` follows \`${ref}\`, and this job would apply \`${branch}\`: give the Action \`ref: ${ref}\``;
  throw new PermanentFailure("ENVIRONMENT_ELSEWHERE", message);
}

export function placeOf({ inputs }: ActionContext, { path, overlays }: EnvironmentSettings): ManifestPlace {
  return { path: inputs.path ?? path, overlays };
}

/** Broken settings are a problem of the change like any other: it must not be merged with them. */
export function withProblems(source: PlannableSource, problems: readonly Problem[]): PlannableSource {
  if (problems.length === 0) return source;
  const { identity, load } = source;
  const told = source.status === "invalid" ? source.problems : load.problems;
  return { status: "invalid", identity, load, problems: [...told, ...problems] };
}
