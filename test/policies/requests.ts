// Builders for requests and policy sets that show only what a test is about.
import { decide } from "../../policies/decide.ts";
import { compilePolicies, type PolicySet, type PolicySource } from "../../policies/policy-set.ts";
import type { AgentGrants, GateRequest, Subject, ToolFacts, Usage } from "../../policies/request.ts";

export const SUBJECT: Subject = { namespace: "default", system: "reports", task: "weekly", agent: "writer" };

type BeforeModel = Extract<GateRequest, { point: "before_model" }>;
type BeforeTool = Extract<GateRequest, { point: "before_tool" }>;

export function modelRequest(change: Partial<BeforeModel> = {}): BeforeModel {
  return {
    point: "before_model",
    subject: SUBJECT,
    model: "gpt-4o",
    provider: "openai",
    reserveTokens: 1_000,
    usage: { tokens: 0 },
    ...change,
  };
}

export interface ToolWish {
  readonly tool?: string;
  readonly facts?: Partial<ToolFacts>;
  readonly grants?: Partial<AgentGrants>;
  readonly subject?: Partial<Subject>;
  readonly usage?: Usage;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly input?: Readonly<Record<string, string>>;
  readonly realPaths?: Readonly<Record<string, string | null>>;
}

/** A known, listed tool of class read, called by an agent without roles. */
export function toolRequest(wish: ToolWish = {}): BeforeTool {
  const { tool = "search", facts, grants, subject, usage, args, input, realPaths } = wish;
  return {
    point: "before_tool",
    subject: { ...SUBJECT, ...subject },
    grants: { tools: [tool], allowedTools: [], roles: [], ...grants },
    tool: { name: tool, known: true, capabilities: [], operationClasses: ["read"], ...facts },
    arguments: args ?? {},
    usage: usage ?? { tokens: 0 },
    ...(input === undefined ? {} : { input }),
    ...(realPaths === undefined ? {} : { realPaths }),
  };
}

type Spec = Readonly<Record<string, unknown>>;

export function policy(name: string, spec: unknown, namespace = "default"): PolicySource {
  return { address: `AgentPolicy/${namespace}/${name}`, kind: "AgentPolicy", namespace, name, spec };
}

export function globalPolicy(spec: Spec, name = "guard"): PolicySource {
  return policy(name, { apply_mode: "global", ...spec });
}

export function role(name: string, permissions: unknown, namespace = "default"): PolicySource {
  return { address: `AgentRole/${namespace}/${name}`, kind: "AgentRole", namespace, name, spec: { permissions } };
}

export function permission(name: string, spec: unknown, namespace = "default"): PolicySource {
  return { address: `ToolPermission/${namespace}/${name}`, kind: "ToolPermission", namespace, name, spec };
}

export function setOf(...sources: readonly PolicySource[]): PolicySet {
  return compilePolicies(sources, "sha256:test");
}

export function codeOf(request: GateRequest, ...sources: readonly PolicySource[]): string {
  return decide(request, setOf(...sources)).code;
}

export function codesOf(request: GateRequest, ...sources: readonly PolicySource[]): (string | undefined)[] {
  return decide(request, setOf(...sources)).reasons.map((reason) => reason.code);
}

export function operations(...operation_rules: readonly unknown[]): PolicySource {
  return permission("search", { operation_rules });
}

export function ruled(spec: unknown): PolicySource {
  return globalPolicy({ rules: [spec] });
}

export function blocking(name: string, on_violation?: string): PolicySource {
  return globalPolicy({ blocked_tools: ["search"], ...(on_violation === undefined ? {} : { on_violation }) }, name);
}
