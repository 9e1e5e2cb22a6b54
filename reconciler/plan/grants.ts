// What each agent may call: the evaluator that decides at run time is asked for every tool that it lists and every model
// that it names, in every system that it is part of, and what bounds these calls is told with it.
import { type Address, addressOf } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { listedTools } from "../../contracts/memory-tools.ts";
import { type Bound, boundsOf } from "../../policies/bounds.ts";
import { decideOpen, type OpenRequest } from "../../policies/decide.ts";
import {
  type AgentGrants,
  NOTHING_SPENT,
  type OperationClass,
  type Subject,
  type Verdict,
} from "../../policies/request.ts";
import { type AccessModel, type Answer, findEndpoint } from "./access-model.ts";
import { readModelReach, readToolFacts } from "./tool-facts.ts";

export interface Grant {
  readonly what: "tool" | "model";
  /** The tool's name, or the model's as its provider knows it. */
  readonly name: string;
  /** null: the answer is the same in every system that lists the agent. */
  readonly system: string | null;
  readonly effect: Verdict["effect"];
  /** Of a tool. */
  readonly classes: readonly OperationClass[];
  /** `orders.lookup (read)`, `stripe.refund (write, asks first)`, `x (read) in billing`, `model gpt-4o`. */
  readonly text: string;
  readonly bounds: readonly Bound[];
  readonly reasons: Verdict["reasons"];
  /** Manifests that this grant, or its absence, depends on. */
  readonly related: readonly Address[];
}

/** One grant a tool or model where all systems agree, else one in each system. */
export function grantsOf(model: AccessModel, agent: string): Grant[] {
  const manifest = model.agents.get(agent);
  const spec = manifest === undefined ? undefined : specOf(manifest, "Agent");
  if (manifest === undefined || spec === undefined) return [];
  const grants = { tools: listedTools(spec), allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] };
  const input = { model, agent, manifest, grants };
  const tools = [...new Set([...grants.tools, ...grants.allowedTools])].toSorted();
  const endpoints = [spec.model_ref, ...(spec.fallback_model_refs ?? [])].filter((name) => name !== undefined);
  return [
    ...tools.flatMap((tool) => inSystems(input, toolAsk(input, tool))),
    ...[...new Set(endpoints)].flatMap((name) => modelGrants(input, name)),
  ];
}

interface AgentInput {
  readonly model: AccessModel;
  readonly agent: string;
  readonly manifest: Manifest;
  readonly grants: AgentGrants;
}

/** What is asked for, whatever the system. */
interface Asked {
  readonly what: Grant["what"];
  readonly name: string;
  readonly classes: readonly OperationClass[];
  readonly request: (subject: Subject) => OpenRequest;
  readonly declared: Address;
  /** Of a model. */
  readonly endpoint?: Manifest;
}

function toolAsk({ model, manifest, grants }: AgentInput, name: string): Asked {
  const { namespace } = manifest.metadata;
  const tool = readToolFacts(name, namespace, model, specOf(manifest, "Agent")?.memory?.ref);
  return {
    what: "tool",
    name,
    classes: tool.operationClasses,
    request: (subject) => ({ point: "before_tool", subject, grants, tool, arguments: {}, usage: NOTHING_SPENT }),
    declared: addressOf({ kind: "Tool", namespace, name }),
  };
}

/** An endpoint that nothing declares is a problem of its own, and calls nothing. */
function modelGrants(input: AgentInput, reference: string): Grant[] {
  const endpoint = findEndpoint(input.model, input.manifest.metadata.namespace, reference);
  const spec = endpoint === undefined ? undefined : specOf(endpoint, "ModelEndpoint");
  if (endpoint === undefined || spec?.default_model === undefined) return [];
  const { default_model: model, provider = "openai" } = spec;
  const { namespace, name } = endpoint.metadata;
  return inSystems(input, {
    what: "model",
    name: model,
    classes: [],
    request: (subject) => ({
      point: "before_model",
      subject,
      model,
      provider,
      reserveTokens: 0,
      reserveMicroUsd: 0,
      usage: NOTHING_SPENT,
      uses: readModelReach(endpoint, input.model),
    }),
    declared: addressOf({ kind: "ModelEndpoint", namespace, name }),
    endpoint,
  });
}

interface SystemAnswer extends Answer {
  readonly system: string;
}

function inSystems(input: AgentInput, asked: Asked): Grant[] {
  const systems = input.model.systems.get(input.agent) ?? [];
  const names = systems.length === 0 ? [ANY] : systems.map(({ metadata }) => metadata.name).toSorted();
  const answers = askOnce(input, asked) ?? names.map((system) => ({ system, ...ask(input, asked, system) }));
  const related = relatedOf(input, asked, answers);
  const agree = answers.length === 1 || new Set(answers.map(contentOf)).size === 1;
  return (agree ? answers.slice(0, 1) : answers).map(({ system, verdict, bounds }) => ({
    what: asked.what,
    name: asked.name,
    system: agree ? null : system,
    effect: verdict.effect,
    classes: asked.classes,
    text: `${wordsOf(asked, verdict)}${agree ? "" : ` in ${system}`}`,
    bounds,
    reasons: verdict.reasons,
    related,
  }));
}

/** About a model nobody is named in the answer, so that where no policy tells subjects apart it is the same for all. */
function askOnce(input: AgentInput, asked: Asked): SystemAnswer[] | undefined {
  const { modelAnswers } = input.model;
  if (modelAnswers === undefined || asked.endpoint === undefined) return undefined;
  const answer = modelAnswers.get(asked.endpoint) ?? ask(input, asked, ANY);
  modelAnswers.set(asked.endpoint, answer);
  return [{ system: ANY, ...answer }];
}

function contentOf({ verdict, bounds }: Answer): string {
  return JSON.stringify([verdict.effect, bounds]);
}

/** Stands for any task and, where no system lists the agent, for any system: no manifest can have this name. */
const ANY = "(any)";

/**
 * Nothing is spent and the call is not known: what is asked is whether there may be one. What only a policy in audit mode
 * objects to is carried out, so it is access.
 */
function ask({ model, manifest }: AgentInput, asked: Asked, system: string): Answer {
  const { namespace, name } = manifest.metadata;
  const request = asked.request({ namespace, system, task: ANY, agent: name });
  const verdict = decideOpen(request, model.policies, "possible");
  const bounds = verdict.effect === "deny" && verdict.enforced ? [] : boundsOf(request, model.policies);
  if (verdict.enforced) return { verdict, bounds };
  const allowed = { effect: "allow", code: "ALLOWED", reasons: verdict.reasons, enforced: true } as const;
  return { verdict: allowed, bounds };
}

function wordsOf({ what, name, classes }: Asked, { effect }: Verdict): string {
  const words = [...classes, ...(effect === "ask" ? ["asks first"] : [])];
  const more = words.length === 0 ? "" : ` (${words.join(", ")})`;
  return `${what === "model" ? "model " : ""}${name}${more}`;
}

function relatedOf(
  { model, agent, manifest, grants }: AgentInput,
  asked: Asked,
  answers: readonly Answer[],
): Address[] {
  const { namespace } = manifest.metadata;
  const policies = answers.flatMap(({ verdict, bounds }) => [...verdict.reasons, ...bounds]);
  const roles = grants.roles.map((name) => addressOf({ kind: "AgentRole", namespace, name }));
  const systems = (model.systems.get(agent) ?? []).map(({ metadata }) =>
    addressOf({ kind: "AgentSystem", namespace: metadata.namespace, name: metadata.name }),
  );
  const named = new Set(policies.map(({ policy }) => policy as Address));
  return [...named, ...(asked.what === "tool" ? roles : []), asked.declared, ...systems];
}
