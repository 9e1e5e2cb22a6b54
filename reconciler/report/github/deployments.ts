// Deployments, and their statuses. https://docs.github.com/en/rest/deployments
import { attempt, type Client, ONCE, PAGE } from "./client.ts";
import { rememberRefusal } from "./refusal.ts";

/** What may be said by hand; `waiting` is GitHub's own, for jobs that wait for their reviewers. */
export type DeploymentState = "queued" | "success" | "failure" | "inactive";

export interface NewDeployment {
  /** GitHub's name of where it leads; one that is not there is made by this. */
  readonly environment: string;
  /** Names it among the others of its commit. */
  readonly key: string;
  readonly description: string;
}

export interface DeploymentStatus {
  readonly state: DeploymentState;
  /** 140 characters at most. */
  readonly description: string;
  readonly log_url?: string;
  readonly environment_url?: string;
}

export interface DeploymentVerbs {
  /** Answers its number. A refusal is remembered for a while. */
  createDeployment(commit: string, deployment: NewDeployment): Promise<number>;
  /** undefined: there is none of this key. */
  findDeployment(commit: string, deployment: Pick<NewDeployment, "environment" | "key">): Promise<number | undefined>;
  setDeploymentStatus(id: number, status: DeploymentStatus): Promise<void>;
}

/** Tells ours from those of other tools. */
const TASK = "countwheel";

export function deploymentVerbs({ octokit, at }: Client): DeploymentVerbs {
  const { repos } = octokit.rest;
  const refusal = rememberRefusal();
  return {
    createDeployment: (ref, { environment, key, description }) =>
      refusal(() =>
        attempt(`create a deployment of ${ref}`, async () => {
          const what = { ref, task: TASK, environment, description, payload: { key } };
          // GitHub would merge the default branch into it otherwise, and refuse it while any check asks for action.
          const { data } = await repos.createDeployment({
            ...at,
            ...what,
            auto_merge: false,
            required_contexts: [],
            ...ONCE,
          });
          if (!("id" in data)) throw new TypeError("GitHub made no deployment");
          return data.id;
        }),
      ),
    findDeployment: (sha, { environment, key }) =>
      attempt(`list the deployments of ${sha}`, async () => {
        const all = await octokit.paginate(repos.listDeployments, {
          ...at,
          sha,
          environment,
          task: TASK,
          per_page: PAGE,
        });
        return all.find(({ payload }) => keyIn(payload) === key)?.id;
      }),
    setDeploymentStatus: (deployment_id, status) =>
      attempt(
        `set the status of deployment ${deployment_id}`,
        // What stood there before is ours to put away: GitHub leaves production ones as they are.
        async () =>
          void (await repos.createDeploymentStatus({ ...at, deployment_id, ...status, auto_inactive: false, ...ONCE })),
      ),
  };
}

/** GitHub answers a payload as it was sent, or as the text of it. */
function keyIn(payload: unknown): unknown {
  if (typeof payload === "object" && payload !== null && "key" in payload) return payload.key;
  if (typeof payload !== "string") return undefined;
  try {
    return keyIn(JSON.parse(payload) as unknown);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
