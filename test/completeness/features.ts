// What the policies of a system may say in a random town, and what must be true of its effects then, in words that know
// nothing of the gate: each feature judges by what the fakes saw.
import type { Dice } from "../sim/dice.ts";
import type { SeenTool } from "./witness.ts";

/** Tools that the agents of a town list. `secretary` is listed by nobody. */
export const TOOLS = { look: "read", put: "idempotent", send: "write", pay: "write" } as const;
export type ToolName = keyof typeof TOOLS;
export const TOOL_NAMES = ["look", "put", "send", "pay"] as const satisfies readonly ToolName[];
export const UNLISTED = "secretary";
export const LARGEST = 9;

/** What the fakes saw of one system. */
export interface SystemEffects {
  readonly tools: readonly SeenTool[];
  /** Calls of models, by task. */
  readonly turns: readonly string[];
  /** Tasks of which a person approved what they asked. */
  readonly approved: ReadonlySet<string>;
}

export interface Feature {
  readonly name: string;
  /** The spec of a policy for one system; undefined: there is none. */
  readonly pinned?: Readonly<Record<string, unknown>>;
  /** Said only by the environment as it is now. */
  readonly live?: Readonly<Record<string, unknown>>;
  /** The environment does not say any more what its tasks are pinned to. */
  readonly isLoosened?: true;
  readonly roles?: readonly string[];
  /** A code that its traces must hold somewhere: that the feature was met at all. */
  readonly meets: string;
  breaches(effects: SystemEffects): readonly string[];
}

const refuse = { on_violation: "refuse" } as const;
const allow = (match: Readonly<Record<string, unknown>>) => ({ match, effect: "allow" });

export function makeFeatures(dice: Dice): readonly Feature[] {
  const tool = dice.pick(TOOL_NAMES);
  const most = dice.whole(3, 6);
  const calls = dice.whole(1, 2);
  const steps = dice.whole(12, 20);
  return [
    { name: "free", meets: "ALLOWED", breaches: () => [] },
    { name: "blocked", pinned: { blocked_tools: [tool], ...refuse }, meets: "TOOL_BLOCKED", breaches: never(tool) },
    { name: "stopped", pinned: { blocked_tools: [tool] }, meets: "TOOL_BLOCKED", breaches: never(tool) },
    { name: "tightened", live: { blocked_tools: [tool], ...refuse }, meets: "TOOL_BLOCKED", breaches: never(tool) },
    {
      name: "loosened",
      pinned: { blocked_tools: [tool], ...refuse },
      isLoosened: true,
      meets: "TOOL_BLOCKED",
      breaches: never(tool),
    },
    {
      name: "arguments",
      pinned: { rules: [{ match: { tools: TOOL_NAMES }, must: { n: { at_most: most } } }], ...refuse },
      meets: "TOOL_ARG_FORBIDDEN",
      breaches: ({ tools }) => tools.filter(({ args }) => Number(args["n"]) > most).map(told),
    },
    {
      name: "default deny",
      pinned: { default: "deny", rules: [allow({ tools: [tool] }), allow({ models: ["*"] })], ...refuse },
      meets: "DEFAULT_DENY",
      breaches: ({ tools }) => tools.filter((seen) => seen.tool !== tool).map(told),
    },
    {
      name: "counted",
      pinned: { max_calls: { [tool]: calls }, ...refuse },
      meets: "BUDGET_STEPS",
      breaches: ({ tools }) =>
        overBy(
          tools.filter((seen) => seen.tool === tool).map(({ task }) => task),
          calls,
        ),
    },
    {
      name: "shared",
      pinned: { budgets: [{ per: ["system", "day"], steps }] },
      meets: "BUDGET_STEPS",
      breaches: ({ tools, turns }) =>
        tools.length + turns.length > steps ? [`${tools.length + turns.length} steps instead of ${steps}`] : [],
    },
    {
      name: "asked",
      pinned: { rules: [{ match: { tools: ["pay"] }, effect: "ask" }], ...refuse },
      meets: "APPROVAL_DENIED",
      breaches: ({ tools, approved }) =>
        tools.filter((seen) => seen.tool === "pay" && !approved.has(seen.task)).map(told),
    },
    {
      name: "asked of turns",
      pinned: { rules: [{ match: { models: ["fake-1"] }, effect: "ask" }] },
      meets: "APPROVAL_DENIED",
      breaches: onlyApproved,
    },
    {
      name: "asked of all",
      live: { rules: [{ effect: "ask" }], ...refuse },
      meets: "APPROVAL_DENIED",
      breaches: onlyApproved,
    },
    {
      name: "roles",
      roles: ["looker"],
      meets: "PERMISSION_MISSING",
      breaches: ({ tools }) => tools.filter(({ tool: name }) => name !== "look").map(told),
    },
    { name: "models", pinned: { allowed_models: ["another"] }, meets: "MODEL_NOT_ALLOWED", breaches: nothingAtAll },
    { name: "unreadable", pinned: { rules: "many" }, meets: "POLICY_ERROR", breaches: nothingAtAll },
    {
      name: "audited",
      pinned: { mode: "audit", blocked_tools: [...TOOL_NAMES] },
      meets: "TOOL_BLOCKED",
      breaches: ({ tools }) => (tools.length > 0 ? [] : ["a policy in audit mode has kept calls away"]),
    },
  ];
}

function never(tool: ToolName): Feature["breaches"] {
  return ({ tools }) => tools.filter((seen) => seen.tool === tool).map(told);
}

const nothingAtAll: Feature["breaches"] = ({ tools, turns }) => [
  ...tools.map(told),
  ...turns.map((task) => `a model was called for ${task}`),
];

const onlyApproved: Feature["breaches"] = ({ tools, turns, approved }) => [
  ...tools.filter(({ task }) => !approved.has(task)).map(told),
  ...turns.filter((task) => !approved.has(task)).map((task) => `a model was called for ${task}`),
];

function told({ task, tool, args }: SeenTool): string {
  return `${tool} was called for ${task} with ${JSON.stringify(args)}`;
}

function overBy(tasks: readonly string[], most: number): string[] {
  return [...new Set(tasks)].filter((task) => tasks.filter((one) => one === task).length > most);
}
