// Asks the gate's evaluator what a PolicyTest asks, and tells where its answer is another one. Pure; it runs nothing.
import { addressOf } from "../../contracts/address.ts";
import type { AgentSpec } from "../../contracts/kinds/agent.ts";
import type { PolicyTestSpec } from "../../contracts/kinds/policy-test.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { listedTools } from "../../contracts/memory-tools.ts";
import { decide } from "../../policies/decide.ts";
import {
  type AgentGrants,
  type CallHistory,
  type GateRequest,
  NOTHING_SPENT,
  type Reach,
  type ToolData,
  type ToolFacts,
  type Verdict,
} from "../../policies/request.ts";
import type { AccessModel } from "../plan/access-model.ts";
import { readToolFacts } from "../plan/tool-facts.ts";

export type Case = PolicyTestSpec["cases"][number];

export interface FailedCase {
  readonly index: number;
  readonly name: string;
  /** `allow`, `deny TOOL_BLOCKED`. */
  readonly expected: string;
  readonly got: string;
  readonly reasons: Verdict["reasons"];
}

/** Of a test that passes: none. */
export function failedCases(model: AccessModel, test: Manifest): FailedCase[] {
  const cases = specOf(test, "PolicyTest")?.cases ?? [];
  return cases.flatMap((one, index) => {
    const verdict = decide(requestOf(model, test.metadata.namespace, one), model.policies);
    if (isExpected(one, verdict)) return [];
    const { effect, code } = one.expect;
    const expected = code === undefined ? effect : `${effect} ${code}`;
    return [{ index, name: one.name, expected, got: answerText(verdict), reasons: verdict.reasons }];
  });
}

function isExpected({ expect }: Case, verdict: Verdict): boolean {
  return effectOf(verdict) === expect.effect && (expect.code === undefined || expect.code === verdict.code);
}

/** What happens: what only a policy in audit mode objects to is carried out. */
function effectOf({ effect, enforced }: Verdict): Verdict["effect"] {
  return enforced ? effect : "allow";
}

function answerText(verdict: Verdict): string {
  const { code, effect, enforced } = verdict;
  if (!enforced) return `allow (audit: would ${effect}, ${code})`;
  return effect === "allow" ? effect : `${effect} ${code}`;
}

/** Stands for an agent, a system and a task that no manifest can have the name of. */
const ANY = "(any)";

function requestOf(model: AccessModel, namespace: string, { request }: Case): GateRequest {
  const { agent = ANY, system = ANY, task = ANY, usage } = request;
  const subject = { namespace, system, task, agent };
  const spent = {
    ...NOTHING_SPENT,
    tokens: usage?.tokens ?? 0,
    calls: usage?.calls ?? {},
    microUsd: microUsdOf(usage?.cost_usd),
    steps: usage?.steps ?? 0,
  };
  if (request.model !== undefined) {
    return {
      point: "before_model",
      subject,
      model: request.model,
      provider: "(any)",
      reserveTokens: request.reserve_tokens ?? 0,
      reserveMicroUsd: microUsdOf(request.reserve_cost_usd),
      usage: spent,
      uses: statedReach(request),
    };
  }
  return {
    point: "before_tool",
    subject,
    grants: grantsOf(model, namespace, request),
    tool: toolOf(model, namespace, request),
    arguments: request.arguments ?? {},
    usage: spent,
    input: request.input ?? {},
    carried: (request.labels ?? []).map((label) => ({ label, from: "the case" })),
    history: historyOf(request),
  };
}

function historyOf({ succeeded = [], called = [] }: Case["request"]): CallHistory {
  return { succeeded, begun: [...succeeded, ...called] };
}

function microUsdOf(usd = 0): number {
  return Math.ceil(usd * 1_000_000 - 0.001);
}

function grantsOf(model: AccessModel, namespace: string, { agent, tool = "", roles }: Case["request"]): AgentGrants {
  const spec = agentOf(model, namespace, agent);
  if (spec === undefined) return { tools: [tool], allowedTools: [], roles: roles ?? [] };
  return { tools: listedTools(spec), allowedTools: spec.allowed_tools ?? [], roles: roles ?? spec.roles ?? [] };
}

function agentOf(model: AccessModel, namespace: string, agent: string | undefined): AgentSpec | undefined {
  if (agent === undefined) return undefined;
  const manifest = model.manifests.get(addressOf({ kind: "Agent", namespace, name: agent }));
  return manifest === undefined ? undefined : specOf(manifest, "Agent");
}

function toolOf(model: AccessModel, namespace: string, request: Case["request"]): ToolFacts {
  const { tool = "", operation_classes: classes, capabilities } = request;
  const facts = readToolFacts(tool, namespace, model, agentOf(model, namespace, request.agent)?.memory?.ref);
  const data = statedData(request);
  const isMadeUp = classes !== undefined || capabilities !== undefined || Object.keys(data).length > 0;
  return {
    ...facts,
    known: facts.known || isMadeUp,
    operationClasses: classes ?? facts.operationClasses,
    capabilities: capabilities ?? facts.capabilities,
    data: { ...facts.data, ...data },
  };
}

/** What the case says in place of manifests. */
function statedData({ sends_to: sendsTo, ...request }: Case["request"]): ToolData {
  return { ...(sendsTo === undefined ? {} : { sendsTo }), ...statedReach(request) };
}

function statedReach({ reaches, process, secrets }: Case["request"]): Reach {
  return {
    ...(reaches === undefined ? {} : { reaches }),
    ...(secrets === undefined ? {} : { secrets }),
    ...(process === true ? { isProcess: true } : {}),
  };
}
