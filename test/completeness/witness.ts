// A provider and tools that carry out whatever reaches them and write it down, behind the runner's own loop, gate and door.
import { digestOf, digestText } from "../../contracts/canonical.ts";
import { TransientFailure } from "../../contracts/failure.ts";
import type { ModelAnswer } from "../../contracts/step.ts";
import { openApprovalBook } from "../../runner/approval-book.ts";
import { createArgumentCheck } from "../../runner/gate/arguments.ts";
import { CarriedLabels } from "../../runner/gate/carried.ts";
import { createGate } from "../../runner/gate/gate.ts";
import { createRedactor } from "../../runner/gate/redact.ts";
import { LivePolicies } from "../../runner/live-policies.ts";
import type { Model, ModelRequest } from "../../runner/models/model.ts";
import type { Tool, ToolBox } from "../../runner/tools/tool.ts";
import { definitionDigest } from "../../runner/tools/tool-facts.ts";
import { toolRules } from "../../runner/tools/tool-rules.ts";
import type { Workshop } from "../../runner/workshop.ts";
import type { Redis } from "../../store/connect.ts";
import { lookAtBudgets } from "../../store/scripts/look-at-budgets.ts";
import type { Dice } from "../sim/dice.ts";
import { LARGEST, TOOL_NAMES, TOOLS, UNLISTED } from "./features.ts";

export interface SeenTool {
  readonly task: string;
  readonly tool: string;
  readonly idempotencyKey: string;
  readonly argumentsDigest: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export interface SeenTurn {
  readonly task: string;
  readonly activation: string;
  readonly requestDigest: string;
}

export interface Witness {
  readonly tools: readonly SeenTool[];
  readonly turns: readonly SeenTurn[];
  model(task: string, activation: string): Model;
  toolBox(task: string): ToolBox;
}

/** Which tool tells whether `send` has happened. */
export const VERIFY = "check";
const TURNS = 3;

export function openWitness(dice: Dice): Witness {
  const tools: SeenTool[] = [];
  const turns: SeenTurn[] = [];
  const fates = dice.fork("fates");

  const complete = (task: string, activation: string, request: ModelRequest): ModelAnswer => {
    turns.push({ task, activation, requestDigest: digestText(JSON.stringify(request)) });
    const toolCalls = callsOf(dice.fork(`${task} ${activation} ${request.turn}`), request.turn);
    const finishReason = toolCalls.length > 0 ? "tool_use" : "stop";
    const answer = { text: "on", toolCalls, inputTokens: 20, outputTokens: 5 };
    return { ...answer, finishReason, provider: "fake", model: request.model };
  };

  const carryOut = (seen: SeenTool): string => {
    const isFirst = !tools.some(({ idempotencyKey }) => idempotencyKey === seen.idempotencyKey);
    tools.push(seen);
    // Of a write this is an effect of which nobody knows; of all else, one that is tried again. Only once, and never of who
    // is asked about it: nobody waits here to say what happened.
    const mayFail = isFirst && seen.tool !== "pay" && seen.tool !== VERIFY;
    if (mayFail && fates.chance(0.1)) throw new TransientFailure("TOOL_UNAVAILABLE", "the line broke");
    return seen.tool === VERIFY ? JSON.stringify({ happened: fates.chance(0.5) }) : "done";
  };

  return {
    tools,
    turns,
    model: (task, activation) => ({
      provider: "fake",
      complete: async (request) => complete(task, activation, request),
    }),
    toolBox: (task) => ({
      find: (name) =>
        toolNamed(name, (args, idempotencyKey) => {
          return carryOut({ task, tool: name, idempotencyKey, argumentsDigest: digestOf(args), args });
        }),
      close: () => Promise.resolve(),
    }),
  };
}

/** Up to two calls a turn: of tools that are listed, of one that is not, and with arguments that are no object. */
function callsOf(dice: Dice, turn: number): ModelAnswer["toolCalls"] {
  if (turn >= TURNS) return [];
  return Array.from({ length: dice.whole(0, 2) }, (_, index) => {
    const tool = dice.chance(0.05) ? UNLISTED : dice.pick(TOOL_NAMES);
    const malformed = dice.chance(0.05) ? { malformed: "{" } : {};
    return { id: `c${turn}.${index}`, tool, arguments: { n: dice.whole(0, LARGEST), turn, index }, ...malformed };
  });
}

const EFFECTS: Readonly<Record<string, Tool["effect"]>> = { ...TOOLS, [VERIFY]: "read", [UNLISTED]: "write" };

function toolNamed(
  name: string,
  carryOut: (args: Readonly<Record<string, unknown>>, idempotencyKey: string) => string,
): Tool | undefined {
  const effect = EFFECTS[name];
  if (effect === undefined) return undefined;
  const definition = { name, description: name, inputSchema: { type: "object" } };
  return {
    definition,
    definitionDigest: definitionDigest(definition, {}),
    effect,
    capabilities: [],
    operationClasses: [effect === "read" ? "read" : "write"],
    timeoutMs: 30_000,
    call: async (args, { idempotencyKey }) => ({ text: carryOut(args, idempotencyKey), isError: false }),
  };
}

/** The runner's gate as it is, in front of a witness. */
export function openWitnessed(redis: Redis, env: string, witness: Witness, newId: () => string): Workshop {
  const live = new LivePolicies(redis, env);
  const argumentCheck = createArgumentCheck();
  const redactor = createRedactor([]);
  const now = (): Date => new Date();
  return {
    close: () => Promise.resolve(),
    isStopped: () => Promise.resolve(false),
    open: async (held, definitions, spec) => {
      const { task, activation, agent, claim, since, lease, journal } = held;
      const toolBox = witness.toolBox(task.name);
      const carried = new CarriedLabels(claim.messages, claim.steps);
      const gate = createGate({
        task,
        activation,
        subject: { namespace: task.namespace, system: claim.task.system, task: task.name, agent },
        grants: { tools: spec.tools ?? [], allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] },
        input: claim.task.input,
        realPath: () => Promise.resolve(null),
        policies: definitions.policies,
        livePolicies: () => live.get(since.madeByMs, lease.signal),
        budgets: { look: (claims) => lookAtBudgets(redis, env, claims) },
        workedMs: () => ({ taskMs: 0, activationMs: 0 }),
        recorder: journal,
        toolBox,
        carried,
        redactor,
        argumentCheck,
        clock: { now, monotonicMs: () => performance.now() },
        newId,
        approvals: openApprovalBook(redis, held),
      });
      const model = {
        model: witness.model(task.name, activation),
        name: "fake-1",
        maxOutputTokens: 100,
        price: null,
        enter: () => Promise.resolve({ state: "may-call" as const, leave: () => Promise.resolve() }),
      };
      return {
        gate,
        models: [{ endpoint: "default/mock", open: () => Promise.resolve(model) }],
        output: undefined,
        tools: TOOL_NAMES.flatMap((name) => toolBox.find(name)?.definition ?? []),
        toolRules: (name) => ({
          ...toolRules(definitions.snapshot.entries, task.namespace, name),
          effect: EFFECTS[name] ?? "write",
        }),
        redact: (text) => redactor.text(text),
        carried,
        close: () => toolBox.close(),
      };
    },
  };
}
