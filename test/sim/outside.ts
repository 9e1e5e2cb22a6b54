// The world outside of the runners: a provider that answers and bills, and tool servers that remember what reached them.
// Either may take its time, refuse, or do what it was asked and lose the answer.
import { digestOf } from "../../contracts/canonical.ts";
import { TransientFailure, withoutEffect } from "../../contracts/failure.ts";
import type { ModelAnswer, ToolResult } from "../../contracts/step.ts";
import type { ToolProgress } from "../../contracts/tool-progress.ts";
import { estimateTokens } from "../../runner/gate/estimate.ts";
import type { Model, ModelRequest } from "../../runner/models/model.ts";
import type { Tool, ToolBox } from "../../runner/tools/tool.ts";
import { definitionDigest } from "../../runner/tools/tool-facts.ts";
import type { SeenCall, SeenTurn } from "../history/history.ts";
import type { Dice } from "./dice.ts";
import { CANARY, lineOf, TOOLS, VERIFY } from "./scenario.ts";
import type { Machine, VirtualTime } from "./virtual-time.ts";

export interface Outside {
  readonly calls: readonly SeenCall[];
  readonly turns: readonly SeenTurn[];
  model(task: string, activation: string): Model;
  toolBox(task: string): ToolBox;
  /** From now on everything answers soon and well. */
  calmDown(): void;
}

export interface OutsideOptions {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly machine: Machine;
  readonly failing: string | undefined;
  /** The end of a task's chain at this moment. */
  readonly seqOf: (task: string) => number;
  readonly say: (line: string) => void;
}

/** A turn that failed as often as this is answered: three tries in a row end a task, which is not what is tried out. */
const MOST_FAILURES = 2;
const TOOL_TIMEOUT_MS = 30_000;

export function openOutside({ time, dice, machine, failing, seqOf, say }: OutsideOptions): Outside {
  const calls: SeenCall[] = [];
  const turns: SeenTurn[] = [];
  const failures = new Map<string, number>();
  let isCalm = false;
  const roll = (): number => (isCalm ? 1 : dice.next());
  const takes = (): number => (!isCalm && dice.chance(0.1) ? dice.whole(200, 3_000) : dice.whole(1, 40));

  /** Carries `work` out at the other side after a while, whatever becomes of the caller, and brings its answer back. */
  const visit = <T>(work: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const caller = time.machine();
      const back = (run: () => void): void => void time.after(takes(), run, "network", caller);
      const carryOut = (): void => {
        try {
          const answer = work();
          back(() => resolve(answer));
        } catch (error) {
          back(() => reject(error));
        }
      };
      time.after(takes(), carryOut, "network", machine);
    });

  const complete = (task: string, activation: string, request: ModelRequest): ModelAnswer => {
    const place = `${task} ${activation} ${request.turn}`;
    const failed = failures.get(place) ?? 0;
    const fate = failed < MOST_FAILURES ? roll() : 1;
    if (fate < 0.1) failures.set(place, failed + 1);
    if (fate < 0.05) throw new TransientFailure("MODEL_RATE_LIMITED", "too many requests");
    const line = lineOf(dice.fork(place), request.agent, request.turn);
    const text = request.agent === failing && line.calls.length === 0 ? "" : line.text;
    // What no provider may report: more than was reserved.
    const reserved = estimateTokens(request);
    const inputTokens = Math.floor((reserved - request.maxOutputTokens) * dice.next());
    const outputTokens = Math.floor(request.maxOutputTokens * dice.next() ** 4);
    turns.push({ task, tokens: inputTokens + outputTokens });
    if (fate < 0.1) {
      say(`provider: answered ${place}, and the answer is lost`);
      throw new TransientFailure("MODEL_UNAVAILABLE", "the stream broke");
    }
    const toolCalls = line.calls.map((call, index) => ({ id: `call_${request.turn}_${index + 1}`, ...call }));
    const finishReason = toolCalls.length > 0 ? "tool_use" : "stop";
    return { text, toolCalls, inputTokens, outputTokens, finishReason, provider: "mock", model: request.model };
  };

  const carryOut = (task: string, name: string, args: unknown, idempotencyKey: string): ToolResult => {
    const fate = roll();
    if (fate < 0.03) throw withoutEffect(new TransientFailure("TOOL_UNAVAILABLE", "nobody answered"));
    calls.push({ idempotencyKey, argumentsDigest: digestOf(args), seq: seqOf(task) });
    if (name === VERIFY) return { text: verdictOf(args), isError: false };
    say(`${name}: carried out for ${task}, key ${idempotencyKey.slice(0, 8)}`);
    if (fate < 0.08) throw new TransientFailure("TOOL_UNAVAILABLE", "the connection broke");
    return { text: `${name} is done, with ${CANARY}`, isError: fate < 0.12 };
  };

  /** A server knows what has reached it, and not what is still on its way: where nothing has, it may well say so. */
  const verdictOf = (args: unknown): string => {
    const key =
      typeof args === "object" && args !== null && "idempotency_key" in args ? args.idempotency_key : undefined;
    if (roll() < 0.2) return JSON.stringify({ happened: null });
    return JSON.stringify({ happened: calls.some(({ idempotencyKey }) => idempotencyKey === key) });
  };

  /** Some tools tell of themselves, some never stop. */
  const tellProgress = (pace: Dice, tell: (progress: ToolProgress) => void): void => {
    const caller = time.machine();
    const total = pace.whole(0, 12);
    for (let done = 1; done <= total; done += 1) {
      const progress = { done, total, message: `counts ${CANARY}` };
      time.after(pace.whole(0, 4_000), () => tell(progress), "network", caller);
    }
  };

  const toolOf = (task: string, name: string): Tool | undefined => {
    const effect = TOOLS[name];
    if (effect === undefined) return undefined;
    const definition = { name, description: name, inputSchema: { type: "object" } };
    return {
      definition,
      definitionDigest: definitionDigest(definition, {}),
      effect,
      capabilities: [],
      operationClasses: [effect === "read" ? "read" : "write"],
      timeoutMs: TOOL_TIMEOUT_MS,
      call: (args, { idempotencyKey, checkLease, onProgress }) => {
        checkLease();
        if (onProgress !== undefined) tellProgress(dice.fork(`${task} ${idempotencyKey}`), onProgress);
        return visit(() => carryOut(task, name, args, idempotencyKey));
      },
    };
  };

  return {
    calls,
    turns,
    model: (task, activation) => ({
      provider: "mock",
      complete: (request) => visit(() => complete(task, activation, request)),
    }),
    toolBox: (task) => ({ find: (name) => toolOf(task, name), close: () => Promise.resolve() }),
    calmDown: () => {
      isCalm = true;
    },
  };
}
