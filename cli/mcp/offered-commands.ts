// Which commands are offered to other agents, what they take, and the words that each call comes to. What changes something
// is offered only where whoever starts the server says so.
import { TOKEN_RIGHTS, type TokenRight } from "../../contracts/api-token.ts";
import type { OutputFormat } from "../host.ts";

export type Args = Readonly<Record<string, unknown>>;

/** What a server may be told to offer beside looking. */
export const ALLOWABLE = TOKEN_RIGHTS;
export type Allowable = TokenRight;

export interface OfferedCommand {
  readonly name: string;
  readonly description: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly required: readonly string[];
  /** Absent: it changes nothing. */
  readonly allowedBy?: Allowable;
  /** It needs the state, and takes its flags. */
  readonly hasState: boolean;
  /** The forms that it can answer in, the usual one first. */
  readonly formats: readonly OutputFormat[];
  /** Options and what stands behind `--`. Nothing that a client says can become an option. */
  words(args: Args): { readonly options: readonly string[]; readonly operands: readonly string[] };
}

const text = (description: string): object => ({ type: "string", minLength: 1, maxLength: 1_000, description });
const PATH = { path: text("a directory or file below the server's folder (default: all of it)") };
const REF = { ref: text("a branch, tag or commit instead of the files as they are") };
const NAMESPACE = { namespace: text("the namespace (default: default)") };

const LOOKING: readonly OfferedCommand[] = [
  {
    name: "plan",
    description: "What an apply would change, and what each agent would gain or lose. Changes nothing.",
    properties: { ...PATH, ...REF, against: text("compare with the manifests of this ref instead of the state") },
    required: [],
    hasState: true,
    formats: ["text", "json", "markdown"],
    words: (args) => ({
      options: [...option("against", args), ...sourceOptions(args)],
      operands: sourceOperands(args),
    }),
  },
  {
    name: "validate",
    description: "Whether manifests are right, and the references between them; offline.",
    properties: PATH,
    required: [],
    hasState: false,
    formats: ["text", "json"],
    words: (args) => ({ options: [], operands: [said(args, "path") ?? "."] }),
  },
  {
    name: "get",
    description: "Lists what the state holds of a kind (agents, tasks, approvals, runners, budgets …), or one of it.",
    properties: { kind: text("a kind in any form"), name: text("one of them"), ...NAMESPACE },
    required: ["kind"],
    hasState: true,
    formats: ["json", "text", "yaml"],
    words: (args) => ({ options: option("namespace", args), operands: operands(args, "kind", "name") }),
  },
  {
    name: "describe",
    description: "Everything about one resource or task: why it waits, what it was made from, its last failure.",
    properties: { kind: text("a kind in any form"), name: text("its name"), ...NAMESPACE },
    required: ["kind", "name"],
    hasState: true,
    formats: ["text", "json"],
    words: (args) => ({ options: option("namespace", args), operands: operands(args, "kind", "name") }),
  },
  {
    name: "trace",
    description: "What happened in a task: turns, calls, decisions, tokens, time. Verified before it is shown.",
    properties: { task: text("the task's name"), ...NAMESPACE },
    required: ["task"],
    hasState: true,
    formats: ["text", "json"],
    words: (args) => ({ options: option("namespace", args), operands: operands(args, "task") }),
  },
  {
    name: "access",
    description: "What agents may call, within which bounds, and the manifest line that says so.",
    properties: { agent: text("one agent (default: all)") },
    required: [],
    hasState: true,
    formats: ["text", "json"],
    words: (args) => ({ options: [], operands: operands(args, "agent") }),
  },
  {
    name: "why",
    description: "Why the gate decided as it did, and how to allow the call.",
    properties: { decision: text("the decision's id, from a trace or a denial") },
    required: ["decision"],
    hasState: true,
    formats: ["text", "json"],
    words: (args) => ({ options: [], operands: operands(args, "decision") }),
  },
  {
    name: "drift",
    description: "Where the state or the world differs from what was applied last.",
    properties: PATH,
    required: [],
    hasState: true,
    formats: ["text", "json"],
    words: (args) => ({ options: ["--offline"], operands: [said(args, "path") ?? "."] }),
  },
  {
    name: "history",
    description: "The applies of the environment, newest first: who, which commit, what.",
    properties: {},
    required: [],
    hasState: true,
    formats: ["text", "json"],
    words: () => ({ options: [], operands: [] }),
  },
  {
    name: "explain",
    description: "What a kind, a field or a code means: Agent, Agent.spec.limits, TOOL_BLOCKED.",
    properties: { subject: text("Kind, Kind.path or CODE") },
    required: ["subject"],
    hasState: false,
    formats: ["text", "json"],
    words: (args) => ({ options: [], operands: operands(args, "subject") }),
  },
];

const REASON = { reason: text("why, for the trace") };
const APPROVAL = { approval: text("its name, from `get approvals`") };

const CHANGING: readonly OfferedCommand[] = [
  {
    name: "approve",
    description:
      "Lets one call happen that waits for a person. It counts as the word of the API token's holder, or else of the user of this machine.",
    properties: { ...APPROVAL, ...REASON },
    required: ["approval"],
    allowedBy: "approve",
    hasState: true,
    formats: ["json", "text"],
    words: (args) => ({ options: ["--as=mcp", ...option("reason", args)], operands: operands(args, "approval") }),
  },
  {
    name: "deny",
    description: "Refuses one call that waits for a person.",
    properties: { ...APPROVAL, ...REASON },
    required: ["approval"],
    allowedBy: "approve",
    hasState: true,
    formats: ["json", "text"],
    words: (args) => ({ options: ["--as=mcp", ...option("reason", args)], operands: operands(args, "approval") }),
  },
  {
    name: "run",
    description: "Starts a task of an agent system that is applied; answers with the task's name.",
    properties: {
      system: text("the AgentSystem's name"),
      input: { type: "object", additionalProperties: { type: "string" }, description: "inputs by their names" },
      ...NAMESPACE,
    },
    required: ["system"],
    allowedBy: "run",
    hasState: true,
    formats: ["json", "text"],
    words: (args) => ({
      options: [...option("namespace", args), ...inputs(args)],
      operands: operands(args, "system"),
    }),
  },
];

export function offeredCommands(allowed: readonly Allowable[]): readonly OfferedCommand[] {
  return [...LOOKING, ...CHANGING.filter(({ allowedBy }) => allowedBy !== undefined && allowed.includes(allowedBy))];
}

/** undefined: the client left it out. */
export function said(args: Args, name: string): string | undefined {
  const value = args[name];
  return typeof value === "string" ? value : undefined;
}

function option(name: string, args: Args): readonly string[] {
  const value = said(args, name);
  return value === undefined ? [] : [`--${name}=${value}`];
}

function operands(args: Args, ...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => said(args, name) ?? []);
}

function inputs({ input }: Args): readonly string[] {
  if (typeof input !== "object" || input === null) return [];
  return Object.entries(input).map(([name, value]) => `--input=${name}=${String(value)}`);
}

/** A commit of the repository that the server's folder is in, or the folder itself. */
export function sourceOptions(args: Args): readonly string[] {
  return said(args, "ref") === undefined ? [] : ["--repo=.", ...option("ref", args), ...option("path", args)];
}

export function sourceOperands(args: Args): readonly string[] {
  return said(args, "ref") === undefined ? [said(args, "path") ?? "."] : [];
}

export const SOURCE_PROPERTIES = { ...PATH, ...REF } as const;
