// What happened, out of GitHub's event payload: only the fields that count, each checked before it is believed.
import { readFile } from "node:fs/promises";
import { PermanentFailure } from "../../contracts/failure.ts";
import type { GithubRepository } from "../../reconciler/report/github/client.ts";
import type { Variables } from "./inputs.ts";

/** What the Action is asked for, in our words. Commit ids are whole. */
export type ActionEvent =
  /** `target`: pull_request_target, which runs with the base's rights. */
  | {
      readonly kind: "pull-request";
      readonly number: number;
      readonly head: string;
      readonly base: string;
      /** The head before this push; null: it is no push. */
      readonly before: string | null;
      readonly closed: boolean;
      readonly target: boolean;
    }
  | { readonly kind: "push"; readonly branch: string; readonly head: string; readonly before: string | null }
  | { readonly kind: "merge-group"; readonly head: string; readonly base: string; readonly closed: boolean }
  /** A schedule, a click, a tag, a deleted branch: whatever names no change of its own. */
  | { readonly kind: "other"; readonly name: string; readonly head: string };

export interface ActionRun {
  readonly event: ActionEvent;
  readonly repository: GithubRepository;
  readonly defaultBranch: string | null;
  /** Somebody ran the job again: an earlier attempt may have left something unfinished. */
  readonly isRerun: boolean;
  readonly apiUrl: string;
  readonly serverUrl: string;
  /** The checkout. */
  readonly workspace: string;
}

/** Throws PermanentFailure ACTION_EVENT where the variables that GitHub sets are missing or not as documented. */
export async function readRun(variables: Variables): Promise<ActionRun> {
  const name = needed(variables, "GITHUB_EVENT_NAME");
  const payload = await readPayload(needed(variables, "GITHUB_EVENT_PATH"));
  const [owner, repository, ...rest] = needed(variables, "GITHUB_REPOSITORY").split("/");
  if (!owner || !repository || rest.length > 0) throw unreadable("GITHUB_REPOSITORY is not of the form owner/name");
  return {
    event: readEvent(name, payload, needed(variables, "GITHUB_SHA")),
    repository: { owner, name: repository },
    defaultBranch: findText(payload, "repository", "default_branch") ?? scheduledBranch(name, variables),
    isRerun: (variables["GITHUB_RUN_ATTEMPT"] || "1") !== "1",
    apiUrl: variables["GITHUB_API_URL"] || "https://api.github.com",
    serverUrl: variables["GITHUB_SERVER_URL"] || "https://github.com",
    workspace: needed(variables, "GITHUB_WORKSPACE"),
  };
}

/** The payload of a schedule names no repository; it runs on the default branch alone. */
function scheduledBranch(event: string, variables: Variables): string | null {
  const ref = variables["GITHUB_REF"] ?? "";
  return event === "schedule" && ref.startsWith(BRANCH) ? ref.slice(BRANCH.length) : null;
}

function readEvent(name: string, payload: unknown, sha: string): ActionEvent {
  switch (name) {
    case "pull_request":
    case "pull_request_target":
      return {
        kind: "pull-request",
        number: numberAt(payload, "pull_request", "number"),
        head: commitAt(payload, "pull_request", "head", "sha"),
        base: commitAt(payload, "pull_request", "base", "sha"),
        before: findText(payload, "action") === "synchronize" ? findCommit(payload, "before") : null,
        closed: findText(payload, "action") === "closed",
        target: name === "pull_request_target",
      };
    case "merge_group":
      return {
        kind: "merge-group",
        head: commitAt(payload, "merge_group", "head_sha"),
        base: commitAt(payload, "merge_group", "base_sha"),
        closed: findText(payload, "action") === "destroyed",
      };
    case "push":
      return readPush(payload, sha);
    default:
      return { kind: "other", name, head: checkedCommit(sha, "GITHUB_SHA") };
  }
}

const BRANCH = "refs/heads/";
const NO_COMMIT = /^0+$/;
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

function readPush(payload: unknown, sha: string): ActionEvent {
  const ref = findText(payload, "ref") ?? "";
  const after = commitAt(payload, "after");
  if (!ref.startsWith(BRANCH) || NO_COMMIT.test(after))
    return { kind: "other", name: "push", head: checkedCommit(sha, "GITHUB_SHA") };
  const before = commitAt(payload, "before");
  return {
    kind: "push",
    branch: ref.slice(BRANCH.length),
    head: after,
    before: NO_COMMIT.test(before) ? null : before,
  };
}

function needed(variables: Variables, name: string): string {
  const value = variables[name];
  if (value) return value;
  throw unreadable(`${name} is not set: this runs as a step of a GitHub Actions workflow`);
}

async function readPayload(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new PermanentFailure("ACTION_EVENT", "the event's payload (GITHUB_EVENT_PATH) cannot be read", {
      cause: error,
    });
  }
}

function valueAt(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((parent, key) => {
    const object = typeof parent === "object" && parent !== null ? (parent as Record<string, unknown>) : {};
    return Object.hasOwn(object, key) ? object[key] : undefined;
  }, value);
}

function findText(payload: unknown, ...keys: string[]): string | null {
  const value = valueAt(payload, keys);
  return typeof value === "string" ? value : null;
}

function numberAt(payload: unknown, ...keys: string[]): number {
  const value = valueAt(payload, keys);
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw unreadable(`the event has no number at ${keys.join(".")}`);
}

function findCommit(payload: unknown, ...keys: string[]): string | null {
  const text = findText(payload, ...keys);
  return text !== null && COMMIT.test(text) ? text : null;
}

function commitAt(payload: unknown, ...keys: string[]): string {
  return checkedCommit(valueAt(payload, keys), `the event's ${keys.join(".")}`);
}

function checkedCommit(value: unknown, what: string): string {
  if (typeof value === "string" && COMMIT.test(value)) return value;
  throw unreadable(`${what} is no commit id`);
}

function unreadable(message: string): PermanentFailure {
  return new PermanentFailure("ACTION_EVENT", message);
}
