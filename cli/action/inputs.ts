// The Action's inputs, validated all at once: GitHub enforces none of them, so every wrong one is named in one go.
import { closest } from "fastest-levenshtein";
import { isName } from "../../contracts/address.ts";
import { MIN_KEY_LENGTH, parseStateKey, type StateKey } from "../../contracts/state-key.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

type ActionCommand = "auto" | "plan" | "apply" | "drift";

export interface ActionInputs {
  /** undefined: where `countwheel.yaml` says, otherwise the whole repository. */
  readonly path: string | undefined;
  /** The deploy branch; undefined: the repository's default branch. */
  readonly ref: string | undefined;
  readonly environment: string;
  readonly redisUrl: string | undefined;
  readonly token: string | undefined;
  readonly command: ActionCommand;
  readonly comment: boolean;
  /** What a plan is compared with: the state in Redis, the event's base, or any ref of the checkout. */
  readonly against: string;
  readonly allowUnprotected: boolean;
  /** COUNTWHEEL_STATE_KEY of the job's environment: no input, so that it cannot be printed as one. */
  readonly stateKey: StateKey | undefined;
  /** GITHUB_ACTOR: who set the workflow off. */
  readonly actor: string | undefined;
}

export type InputsAnswer =
  | { readonly outcome: "valid"; readonly inputs: ActionInputs }
  | { readonly outcome: "invalid"; readonly problems: readonly string[] };

/** As in action.yml; a test compares them. */
export const INPUT_NAMES = [
  "path",
  "ref",
  "environment",
  "redis-url",
  "github-token",
  "command",
  "comment",
  "against",
  "allow-unprotected-redis",
] as const;

const COMMANDS: readonly string[] = ["auto", "plan", "apply", "drift"] satisfies readonly ActionCommand[];

export function readInputs(variables: Variables): InputsAnswer {
  const problems = unknownInputs(variables);
  const text = (name: (typeof INPUT_NAMES)[number], otherwise = ""): string => inputOf(variables, name) || otherwise;
  const command = text("command", "auto");
  if (!isCommand(command)) problems.push(`\`command\` is \`${command}\`; it is one of ${COMMANDS.join(", ")}`);
  const environment = text("environment", "default");
  if (!isName(environment)) problems.push(`\`environment\` may hold letters, digits, \`.\`, \`_\` and \`-\` only`);
  const redisUrl = text("redis-url") || undefined;
  if (redisUrl !== undefined && !isRedisUrl(redisUrl)) {
    problems.push(
      "`redis-url` is no redis://, rediss:// or unix:// address (its value is not shown: it may hold a password)",
    );
  }
  if (command === "apply" && redisUrl === undefined) {
    problems.push("`command: apply` needs `redis-url`: an apply writes the observed state, which lives in Redis");
  }
  if (command === "drift" && redisUrl === undefined) {
    problems.push("`command: drift` needs `redis-url`: what was applied is remembered in Redis");
  }
  const against = text("against", redisUrl === undefined ? "base" : "state");
  if (against === "state" && redisUrl === undefined) {
    problems.push("`against: state` needs `redis-url`; use `against: base` to compare with the base branch");
  }
  const flags = { comment: readFlag("comment", text("comment", "true"), problems) };
  const allowUnprotected = readFlag("allow-unprotected-redis", text("allow-unprotected-redis", "false"), problems);
  const stateKey = readStateKey(variables["COUNTWHEEL_STATE_KEY"] ?? "", problems);
  if (problems.length > 0 || !isCommand(command)) return { outcome: "invalid", problems };
  const actor = variables["GITHUB_ACTOR"] || undefined;
  const [path, ref, token] = [text("path") || undefined, text("ref") || undefined, text("github-token") || undefined];
  return {
    outcome: "valid",
    inputs: { path, ref, environment, redisUrl, token, command, ...flags, against, allowUnprotected, stateKey, actor },
  };
}

/** The runner upper-cases names and turns spaces into `_`; dashes stay. */
function variableOf(name: string): string {
  return `INPUT_${name.toUpperCase()}`;
}

function inputOf(variables: Variables, name: string): string {
  return (variables[variableOf(name)] ?? "").trim();
}

function isCommand(text: string): text is ActionCommand {
  return COMMANDS.includes(text);
}

function isRedisUrl(text: string): boolean {
  return /^(rediss?|unix):\/\/.+/.test(text);
}

function readStateKey(text: string, problems: string[]): StateKey | undefined {
  const key = parseStateKey(text);
  if (text !== "" && key === undefined)
    problems.push(`\`COUNTWHEEL_STATE_KEY\` needs ${MIN_KEY_LENGTH} characters or more`);
  return key;
}

function readFlag(name: string, text: string, problems: string[]): boolean {
  if (text !== "true" && text !== "false") problems.push(`\`${name}\` is \`${text}\`; it is true or false`);
  return text === "true";
}

/** GitHub only warns of unknown inputs, in a place where nobody looks. */
function unknownInputs(variables: Variables): string[] {
  const known = INPUT_NAMES.map(variableOf);
  return Object.keys(variables)
    .filter((name) => name.startsWith("INPUT_") && !known.includes(name))
    .map((name) => {
      const input = name.slice("INPUT_".length).toLowerCase();
      return `\`${input}\` is no input of this Action; did you mean \`${closest(input, [...INPUT_NAMES])}\`?`;
    });
}
