// The only reader of the process environment: turns variables into one value, and names the ones that nobody knows.
import { join } from "node:path";
import { closest } from "fastest-levenshtein";
import { isName } from "../contracts/address.ts";
import { MIN_KEY_LENGTH, parseStateKey, type StateKey } from "../contracts/state-key.ts";
import type { GithubApp } from "../reconciler/report/github/app-tokens.ts";
import { readGithubApp } from "./github-app.ts";

export interface Config {
  /** COUNTWHEEL_REDIS_URL, else REDIS_URL; undefined: the embedded server. */
  readonly redisUrl: string | undefined;
  readonly env: string;
  /** COUNTWHEEL_HOME; undefined: `.countwheel` at the repository's root. */
  readonly home: string | undefined;
  readonly github: {
    readonly token: string | undefined;
    readonly apiUrl: string;
    /** COUNTWHEEL_GITHUB_APP_ID and COUNTWHEEL_GITHUB_APP_PRIVATE_KEY: the App to be, instead of the token's owner. */
    readonly app: GithubApp | undefined;
  };
  /** COUNTWHEEL_STATE_KEY: seals the state; undefined: nothing is sealed. */
  readonly stateKey: StateKey | undefined;
  /** COUNTWHEEL_AUDIT_KEY: the file of the Ed25519 key that signs heads of the audit log, or the key itself as PEM. */
  readonly auditKey: string | undefined;
  /** COUNTWHEEL_AGE_IDENTITY: the file of the age identities that open sealed secrets, or their text. */
  readonly ageIdentity: string | undefined;
  /** GITHUB_ACTOR: who started the job that this runs in. */
  readonly actor: string | undefined;
  /** COUNTWHEEL_WEBHOOK_SECRET: the new one and, during a rotation, the old one. An empty one is kept, to be refused. */
  readonly webhookSecrets: readonly string[];
  /** COUNTWHEEL_MCP_TOKEN: what clients of `mcp --listen` must bring; undefined: only this machine may ask. */
  readonly mcpToken: string | undefined;
  /** COUNTWHEEL_TOKEN: who this is, instead of the machine's user. An empty one is kept, to be refused. */
  readonly apiToken: string | undefined;
  /** What git tells the hooks of a push. */
  readonly push: PushVariables;
  readonly color: boolean | undefined;
  /** CI=true: nobody can answer. */
  readonly noInput: boolean;
  /** The variables that Secrets may name with `from.<key>.env`, still to be narrowed by `--secret-env`. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** The whole environment for children that are ours: git and the embedded server pick what they need. */
  readonly path: string;
  readonly userHome: string | undefined;
  /** XDG_CACHE_HOME: where things are kept once per user. */
  readonly cacheHome: string | undefined;
}

export interface PushVariables {
  /** GIT_OBJECT_DIRECTORY and GIT_ALTERNATE_OBJECT_DIRECTORIES: where the objects of a push lie that is not let in yet. */
  readonly objects: { readonly folder: string; readonly alternates: string } | undefined;
  /** GIT_PUSH_OPTION_0 and so on: what the pusher said with `-o`. */
  readonly options: readonly string[];
}

const VARIABLES = {
  COUNTWHEEL_REDIS_URL: "the Redis to use; else REDIS_URL; else a private embedded server",
  COUNTWHEEL_ENV: "the environment, instead of `default`",
  COUNTWHEEL_STATE_KEY: "seals records, plans and history; two keys with a comma: the first seals, both verify",
  COUNTWHEEL_AUDIT_KEY: "signs heads of the audit log: a file that `audit keygen` wrote, or its text",
  COUNTWHEEL_AGE_IDENTITY: "opens sealed secrets: a file that `secret keygen` wrote, or its text",
  COUNTWHEEL_WEBHOOK_SECRET: "what GitHub signs webhooks with, for `reconcile --listen`; two with a comma, to rotate",
  COUNTWHEEL_GITHUB_APP_ID: "the GitHub App to be, instead of GITHUB_TOKEN's owner: its number or client ID",
  COUNTWHEEL_GITHUB_APP_PRIVATE_KEY: "its private key, the text of the .pem file; `\\n` may stand for new lines",
  COUNTWHEEL_MCP_TOKEN: "the bearer token that clients of `mcp --listen` must bring",
  COUNTWHEEL_TOKEN: "who you are for approve, deny, run and apply: a token that `token create` printed",
  COUNTWHEEL_HOME: "where the embedded server and the mirrors live, instead of .countwheel/",
} as const;

/** Secrets of Countwheel itself: no manifest gets to see them, whatever `--secret-env` allows. */
const OURS: readonly string[] = [
  "COUNTWHEEL_STATE_KEY",
  "COUNTWHEEL_AUDIT_KEY",
  "COUNTWHEEL_AGE_IDENTITY",
  "COUNTWHEEL_WEBHOOK_SECRET",
  "COUNTWHEEL_GITHUB_APP_PRIVATE_KEY",
  "COUNTWHEEL_MCP_TOKEN",
  "COUNTWHEEL_TOKEN",
];
/** Characters of a token that nobody guesses. */
const MIN_TOKEN_LENGTH = 24;

export interface ConfigAnswer {
  readonly config: Config;
  /** One line per COUNTWHEEL_ variable that nobody knows, or whose value cannot be. */
  readonly problems: readonly string[];
}

export function readConfig(variables: Readonly<Record<string, string | undefined>>): ConfigAnswer {
  const value = (name: string): string | undefined => variables[name] || undefined;
  const login = readGithubApp(value("COUNTWHEEL_GITHUB_APP_ID"), value("COUNTWHEEL_GITHUB_APP_PRIVATE_KEY"));
  const config: Config = {
    redisUrl: value("COUNTWHEEL_REDIS_URL") ?? value("REDIS_URL"),
    env: value("COUNTWHEEL_ENV") ?? "default",
    home: value("COUNTWHEEL_HOME"),
    github: {
      token: value("GITHUB_TOKEN"),
      apiUrl: value("GITHUB_API_URL") ?? "https://api.github.com",
      app: login.app,
    },
    stateKey: parseStateKey(value("COUNTWHEEL_STATE_KEY") ?? ""),
    auditKey: value("COUNTWHEEL_AUDIT_KEY"),
    ageIdentity: value("COUNTWHEEL_AGE_IDENTITY"),
    actor: value("GITHUB_ACTOR"),
    webhookSecrets:
      value("COUNTWHEEL_WEBHOOK_SECRET")
        ?.split(",")
        .map((secret) => secret.trim()) ?? [],
    mcpToken: value("COUNTWHEEL_MCP_TOKEN"),
    apiToken: variables["COUNTWHEEL_TOKEN"]?.trim(),
    push: readPush(value),
    color: readColor(value),
    noInput: value("CI") === "true",
    secretEnv: Object.fromEntries(
      Object.entries(variables).flatMap(([name, text]) =>
        text === undefined || OURS.includes(name) ? [] : [[name, text]],
      ),
    ),
    path: value("PATH") ?? "",
    userHome: value("HOME"),
    cacheHome: value("XDG_CACHE_HOME"),
  };
  return {
    config,
    problems: [
      ...unknownVariables(variables),
      ...badEnvironment(config),
      ...badStateKey(config, value),
      ...badToken(config),
      ...login.problems,
    ],
  };
}

/** git allows some more than anybody can need. */
const MOST_PUSH_OPTIONS = 1_000;

function readPush(value: (name: string) => string | undefined): PushVariables {
  const [folder, alternates = ""] = [value("GIT_OBJECT_DIRECTORY"), value("GIT_ALTERNATE_OBJECT_DIRECTORIES")];
  const count = Math.min(Number(value("GIT_PUSH_OPTION_COUNT") ?? 0) || 0, MOST_PUSH_OPTIONS);
  return {
    objects: folder === undefined ? undefined : { folder, alternates },
    options: Array.from({ length: count }, (_, index) => value(`GIT_PUSH_OPTION_${index}`) ?? ""),
  };
}

function readColor(value: (name: string) => string | undefined): boolean | undefined {
  if (value("NO_COLOR") !== undefined) return false;
  return value("FORCE_COLOR") === undefined ? undefined : value("FORCE_COLOR") !== "0";
}

function badEnvironment({ env }: Config): string[] {
  return isName(env) ? [] : ["`COUNTWHEEL_ENV` may hold letters, digits, `.`, `_` and `-` only"];
}

/** A key that is too short must stop the command: to go on without it would believe a state that nobody sealed. */
function badStateKey({ stateKey }: Config, value: (name: string) => string | undefined): string[] {
  if (stateKey !== undefined || value("COUNTWHEEL_STATE_KEY") === undefined) return [];
  return [
    `\`COUNTWHEEL_STATE_KEY\` needs ${MIN_KEY_LENGTH} characters or more in each key, such as \`openssl rand -hex 32\` makes`,
  ];
}

function badToken({ mcpToken }: Config): string[] {
  if (mcpToken === undefined || (/^\S+$/.test(mcpToken) && mcpToken.length >= MIN_TOKEN_LENGTH)) return [];
  return [
    `\`COUNTWHEEL_MCP_TOKEN\` needs ${MIN_TOKEN_LENGTH} characters or more without spaces, such as \`openssl rand -hex 32\` makes`,
  ];
}

function unknownVariables(variables: Readonly<Record<string, string | undefined>>): string[] {
  const known = Object.keys(VARIABLES);
  return Object.keys(variables)
    .filter((name) => name.startsWith("COUNTWHEEL_") && !name.startsWith("COUNTWHEEL_SECRET_") && !known.includes(name))
    .map((name) => `\`${name}\` is no variable of Countwheel; did you mean \`${closest(name, known)}\`?`);
}

/** Where the embedded server, the mirrors and the caches of a project live. */
export function homeFolder(config: Config, repositoryRoot: string): string {
  return config.home ?? join(repositoryRoot, ".countwheel");
}
