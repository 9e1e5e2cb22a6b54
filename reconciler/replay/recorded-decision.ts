// A decision as a trace holds it, put together again with the request that it was made from. Pure.
import { addressOf } from "../../contracts/address.ts";
import { CallLog } from "../../contracts/call-history.ts";
import { digestOf } from "../../contracts/canonical.ts";
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import { specOf } from "../../contracts/kinds.ts";
import { manifestAddress } from "../../contracts/manifest.ts";
import { listedTools } from "../../contracts/memory-tools.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import type { TaskRecord } from "../../contracts/task.ts";
import type { TraceEvent } from "../../contracts/trace.ts";
import type { OpenRequest } from "../../policies/decide.ts";
import type { AgentGrants, CallHistory, Reach, Reason } from "../../policies/request.ts";
import { readModelReach, readToolFacts, type ToolSource, toolSourceOf } from "../plan/tool-facts.ts";

export interface RecordedDecision {
  readonly decisionId: string;
  readonly at: string;
  /** `namespace/name`. */
  readonly task: string;
  readonly agent: string;
  readonly what: "tool" | "model";
  readonly name: string;
  /** What happened: what only a policy in audit mode objected to was allowed. */
  readonly effect: "allow" | "deny" | "ask";
  readonly code: string;
  readonly reasons: readonly Reason[];
  /** null: the trace does not hold what it was made from. */
  readonly request: OpenRequest | null;
  /** False: arguments were redacted or cut, so the request has other ones than the call had. */
  readonly exact: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** The definitions of a task, read once for all tasks that share them. `snapshot` is null: they are gone. */
export interface Definitions {
  readonly snapshot: Snapshot | null;
  readonly tools: ToolSource;
}

export function readDefinitions(snapshot: Snapshot | null): Definitions {
  const manifests = Object.values(snapshot?.entries ?? {}).map(({ manifest }) => manifest);
  return { snapshot, tools: toolSourceOf(manifests.map((manifest) => [manifestAddress(manifest), manifest])) };
}

/** Decisions about turns and calls in one task's trace, in its order. */
export function decisionsIn(
  task: TaskRecord,
  definitions: Definitions,
  events: readonly TraceEvent[],
): RecordedDecision[] {
  const calls = new Map(events.filter(hasArguments).map((event) => [event["decisionId"], event]));
  const log = new CallLog();
  return events.flatMap((event) => {
    log.add(event);
    if (!isDecision(event)) return [];
    const ground = { ...definitions, task, history: log.history() };
    return [readDecision(ground, event, calls.get(event["decisionId"]))];
  });
}

/** What a decision was made from and its own event does not hold. */
interface Ground extends Definitions {
  readonly task: TaskRecord;
  readonly history: CallHistory;
}

function hasArguments({ type }: TraceEvent): boolean {
  return type === "tool.called" || type === "tool.denied" || type === "approval.requested";
}

function isDecision(event: TraceEvent): boolean {
  return event["point"] === "before_model" || event["point"] === "before_tool";
}

function readDecision(ground: Ground, event: TraceEvent, call: TraceEvent | undefined): RecordedDecision {
  const isTool = event["point"] === "before_tool";
  const reasons = reasonsOf(event["reasons"]);
  const args = call?.["arguments"];
  return {
    decisionId: textOf(event["decisionId"]),
    at: event.at,
    task: event.task,
    agent: event.agent ?? "",
    what: isTool ? "tool" : "model",
    name: textOf(event[isTool ? "tool" : "model"]),
    effect: effectOf(event),
    code: textOf(event["code"]),
    reasons,
    // What no policy said (a race for the last tokens, a state that could not be read) is no answer to replay.
    request: reasons.some(({ policy }) => policy === "") ? null : requestOf(ground, event, args),
    exact: !isTool || (isFields(args) && digestOf(args) === event["argumentsDigest"]),
  };
}

function effectOf(event: TraceEvent): RecordedDecision["effect"] {
  const { effect } = event;
  return event["enforced"] !== false && (effect === "deny" || effect === "ask") ? effect : "allow";
}

/** The evaluator checks its shape: what is missing in here denies there, and so is looked for first. */
function requestOf(ground: Ground, event: TraceEvent, args: unknown): OpenRequest | null {
  const { task, snapshot, history } = ground;
  const { request } = event;
  if (!isFields(request) || request["cut"] !== undefined) return null;
  const { system, task: manifest, ...facts } = request;
  const agent = event.agent ?? "";
  const subject = { namespace: task.namespace, system, task: manifest, agent };
  if (event["point"] === "before_model") {
    const { model, provider, reserveTokens } = event;
    const uses = usesOf(ground, textOf(event["endpoint"]));
    return asRequest({ ...facts, point: "before_model", subject, model, provider, reserveTokens, ...uses });
  }
  const grants = grantsOf(task.namespace, agent, snapshot);
  if (grants === null) return null;
  const tool = toolOf(ground, agent, facts["tool"]);
  const call = {
    arguments: isFields(args) ? args : {},
    input: task.input,
    history,
    tool,
    carried: facts["carried"] ?? [],
  };
  return asRequest({ ...facts, ...call, point: "before_tool", subject, grants });
}

/** Its fields are whatever the trace holds; `decide` refuses what is no request. */
function asRequest(fields: Fields): OpenRequest {
  return fields as unknown as OpenRequest;
}

function agentSpecOf(namespace: string, agent: string, snapshot: Snapshot | null): AgentSpec | undefined {
  const manifest = snapshot?.entries[addressOf({ kind: "Agent", namespace, name: agent })]?.manifest;
  return manifest === undefined ? undefined : specOf(manifest, "Agent");
}

function grantsOf(namespace: string, agent: string, snapshot: Snapshot | null): AgentGrants | null {
  const spec = agentSpecOf(namespace, agent, snapshot);
  if (spec === undefined) return null;
  return { tools: listedTools(spec), allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] };
}

function usesOf({ snapshot, tools }: Ground, endpoint: string): { readonly uses?: Reach } {
  const [namespace = "", name = ""] = endpoint.split("/");
  const manifest = snapshot?.entries[addressOf({ kind: "ModelEndpoint", namespace, name })]?.manifest;
  return manifest === undefined ? {} : { uses: readModelReach(manifest, tools) };
}

/** With what the manifests of its task said of its data. */
function toolOf({ task, snapshot, tools }: Ground, agent: string, recorded: unknown): unknown {
  if (!isFields(recorded)) return recorded;
  const memory = agentSpecOf(task.namespace, agent, snapshot)?.memory?.ref;
  const { data } = readToolFacts(textOf(recorded["name"]), task.namespace, tools, memory);
  return data === undefined ? recorded : { ...recorded, data };
}

function reasonsOf(value: unknown): Reason[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isFields).map((reason) => ({
    policy: textOf(reason["policy"]),
    rule: textOf(reason["rule"]),
    message: textOf(reason["message"]),
    ...(typeof reason["code"] === "string" ? { code: reason["code"] as NonNullable<Reason["code"]> } : {}),
    ...(reason["enforced"] === false ? { enforced: false as const } : {}),
  }));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
