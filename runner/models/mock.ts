// The mock provider: answers by the script in its ModelEndpoint, or from its input. No network, no chance, no cost.
import { parseDuration } from "../../contracts/duration.ts";
import { PermanentFailure, TransientFailure } from "../../contracts/failure.ts";
import { type MockRule, parseMockScript } from "../../contracts/mock-script.ts";
import type { ModelAnswer } from "../../contracts/step.ts";
import { waitUnlessAborted } from "../unless-aborted.ts";
import { endpointName, type ModelEndpoint } from "./endpoint.ts";
import { estimateTokens } from "./estimate.ts";
import type { Model, ModelRequest } from "./model.ts";
import { authFailure, type EndpointName } from "./model-failure.ts";
import { isObject } from "./tool-arguments.ts";

export function openMock(endpoint: ModelEndpoint): Model {
  const name = endpointName(endpoint);
  const rules = readScript(endpoint, name);
  const failures = new Map<MockRule, number>();
  return {
    provider: "mock",
    async complete(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer> {
      signal.throwIfAborted();
      const rule = rules.find((candidate) => matches(candidate, request));
      if (rule?.latency !== undefined) await waitUnlessAborted(parseDuration(rule.latency) ?? 0, signal);
      if (rule?.fail !== undefined) {
        const failed = (failures.get(rule) ?? 0) + 1;
        failures.set(rule, failed);
        if (failed <= (rule.fail.times ?? Infinity)) throw scriptedFailure(rule.fail.code, name);
      }
      return answer(rule ?? { say: unscripted(request) }, request);
    },
  };
}

function readScript(endpoint: ModelEndpoint, { label }: EndpointName): readonly MockRule[] {
  const script = endpoint.spec.options?.["script"];
  if (script === undefined) return [];
  const parsed = parseMockScript(script);
  if (parsed.outcome === "ok") return parsed.rules;
  throw new PermanentFailure("MODEL_OPTION_INVALID", `${label}: \`options.script\`: ${parsed.problems.join("; ")}`);
}

function matches({ agent, turn, contains }: MockRule, request: ModelRequest): boolean {
  return (
    (agent === undefined || agent === request.agent) &&
    (turn === undefined || turn === request.turn) &&
    (contains === undefined || lastText(request).includes(contains))
  );
}

function answer(rule: MockRule, request: ModelRequest): ModelAnswer {
  const text = fill(rule.say ?? "", request);
  const toolCalls = (rule.call ?? []).map((call, index) => ({
    id: `call_${request.turn}_${index + 1}`,
    tool: call.tool,
    arguments: fillObject(call.arguments ?? {}, request),
  }));
  return {
    text,
    toolCalls,
    inputTokens: rule.tokens?.input ?? estimateTokens([request.system, request.messages]),
    outputTokens: rule.tokens?.output ?? estimateTokens([text, toolCalls]),
    finishReason: toolCalls.length > 0 ? "tool_use" : "stop",
    provider: "mock",
    model: request.model,
  };
}

const SHOWN_INPUT = 200;

function unscripted(request: ModelRequest): string {
  const read = firstText(request).replace(/\s+/g, " ").trim().slice(0, SHOWN_INPUT);
  return read === "" ? `${request.agent} is done.` : `${request.agent} is done with: ${read}`;
}

function fillObject(value: Readonly<Record<string, unknown>>, request: ModelRequest): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillValue(item, request)]));
}

function fillValue(value: unknown, request: ModelRequest): unknown {
  if (typeof value === "string") return fill(value, request);
  if (Array.isArray(value)) return value.map((item) => fillValue(item, request));
  return isObject(value) ? fillObject(value, request) : value;
}

/** In one pass: what is filled in is text, and `{{…}}` in it means nothing. */
function fill(text: string, request: ModelRequest): string {
  return text.replace(/\{\{(input|last)\}\}/g, (_match, name: string) =>
    name === "input" ? firstText(request) : lastText(request),
  );
}

function firstText({ messages }: ModelRequest): string {
  return messages[0]?.text ?? "";
}

function lastText({ messages }: ModelRequest): string {
  return messages.at(-1)?.text ?? "";
}

type ScriptedCode = NonNullable<MockRule["fail"]>["code"];

/** The same failures as the real providers', so that what handles them is tried out too. */
function scriptedFailure(code: ScriptedCode, name: EndpointName): Error {
  switch (code) {
    case "rate_limited":
      return new TransientFailure("MODEL_RATE_LIMITED", `${name.label} is rate limited (its script says so)`);
    case "server_error":
      return new TransientFailure("MODEL_UNAVAILABLE", `${name.label} answered 500 (its script says so)`);
    case "auth":
      return authFailure(name, "was refused (its script says so)");
  }
}
