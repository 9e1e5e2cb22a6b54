// Effective access as a value: what each agent may call, within which bounds, and the line of the manifest that says so.
// Both views of `access` are made from it. Pure.
import { addressOf } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place } from "../../contracts/problem.ts";
import { mcpToolName, plainToolName } from "../../contracts/tool-names.ts";
import { permissionKey, toolKey } from "../../policies/names.ts";
import type { OperationClass, Reason } from "../../policies/request.ts";
import { neededPermissions, relevantPermissions } from "../../policies/rules/permissions.ts";
import { subjectKeys } from "../../policies/scope.ts";
import { type AccessModel, type Holder, readAccessModel } from "../plan/access-model.ts";
import { type Grant, grantsOf } from "../plan/grants.ts";
import { readToolFacts } from "../plan/tool-facts.ts";
import type { PlaceOf } from "./place-of.ts";

export interface AccessReport {
  readonly formatVersion: "1";
  readonly policyDigest: string;
  readonly items: readonly AgentAccess[];
}

export interface AgentAccess {
  /** `name`, or `namespace/name`. */
  readonly agent: string;
  readonly systems: readonly string[];
  readonly source: Place | null;
  readonly calls: readonly Call[];
}

export interface Call {
  readonly what: Grant["what"];
  readonly name: string;
  /** null: the same in every system. */
  readonly system: string | null;
  readonly effect: Grant["effect"];
  readonly classes: readonly OperationClass[];
  readonly bounds: readonly Line[];
  readonly because: readonly Line[];
  /** Of a tool that only an MCP server describes: whether a runner saw it there; null: none has looked. */
  readonly seen?: boolean | null;
}

/** What a manifest says, and where. */
export interface Line {
  readonly text: string;
  readonly effect?: string;
  readonly code?: string;
  readonly policy: string;
  readonly rule: string;
  readonly source: Place | null;
  /** False: a policy in audit mode, which only records. */
  readonly enforced?: false;
}

/** The tools that runners saw, by `namespace/server`. */
export type SeenTools = ReadonlyMap<string, readonly string[]>;

export function reportAccess(
  holders: readonly Holder[],
  {
    agents,
    placeOf,
    seen,
  }: { readonly agents?: readonly string[]; readonly placeOf: PlaceOf; readonly seen: SeenTools },
): AccessReport {
  const model = readAccessModel(holders);
  const names = agents ?? [...model.agents.keys()].toSorted();
  const items = names.map((agent) => reportAgent(model, agent, placeOf, seen));
  return { formatVersion: "1", policyDigest: model.policies.digest, items };
}

function reportAgent(model: AccessModel, agent: string, placeOf: PlaceOf, seen: SeenTools): AgentAccess {
  const manifest = model.agents.get(agent);
  const address = manifest === undefined ? "" : addressOfAgent(manifest);
  const systems = (model.systems.get(agent) ?? []).map(({ metadata }) => metadata.name).toSorted();
  const calls = grantsOf(model, agent).map((grant): Call => {
    const { what, name, system, effect, classes } = grant;
    const bounds = grant.bounds.map((bound) => ({
      ...lineOf({ policy: bound.policy, rule: bound.rule, message: bound.text }, placeOf),
      effect: bound.effect,
      ...(bound.enforced ? {} : { enforced: false as const }),
    }));
    const because = manifest === undefined ? [] : becauseOf(model, manifest, grant, placeOf);
    return { what, name, system, effect, classes, bounds, because, ...seenOf(model, manifest, grant, seen) };
  });
  return { agent, systems, source: placeOf(address, "kind") ?? null, calls };
}

function addressOfAgent({ metadata }: Manifest): string {
  return addressOf({ kind: "Agent", namespace: metadata.namespace, name: metadata.name });
}

function lineOf(
  { policy, rule, message, code, enforced }: Partial<Reason> & Pick<Reason, "policy" | "rule" | "message">,
  placeOf: PlaceOf,
): Line {
  return {
    text: message,
    ...(code === undefined ? {} : { code }),
    policy,
    rule,
    source: placeOf(policy, rule) ?? null,
    ...(enforced === false ? { enforced } : {}),
  };
}

/** Where the agent names it, which roles give what it needs, and what the evaluator itself said. */
function becauseOf(model: AccessModel, manifest: Manifest, grant: Grant, placeOf: PlaceOf): Line[] {
  const reasons = [
    ...namedIn(manifest, grant),
    ...(grant.effect === "deny" ? [] : givenBy(model, manifest, grant)),
    ...grant.reasons,
  ];
  const seen = new Set<string>();
  return reasons
    .filter(
      ({ policy, rule }) =>
        !isListing(manifest, policy, rule) && !seen.has(`${policy} ${rule}`) && seen.add(`${policy} ${rule}`),
    )
    .map((reason) => lineOf(reason, placeOf));
}

/** The evaluator says `spec.tools`; the entry itself is named already. */
function isListing(manifest: Manifest, policy: string, rule: string): boolean {
  return (
    policy === addressOfAgent(manifest) && rule === "spec.tools" && (specOf(manifest, "Agent")?.tools ?? []).length > 0
  );
}

function namedIn(manifest: Manifest, { what, name }: Grant): Reason[] {
  if (what === "model") return [];
  const spec = specOf(manifest, "Agent");
  const policy = addressOfAgent(manifest);
  return (["tools", "allowed_tools"] as const).flatMap((field) => {
    const index = (spec?.[field] ?? []).indexOf(name);
    return index === -1
      ? []
      : [{ policy, rule: `spec.${field}[${index}]`, message: `the agent lists it in \`${field}\`` }];
  });
}

function givenBy(model: AccessModel, manifest: Manifest, { what, name }: Grant): Reason[] {
  if (what === "model") return [];
  const { namespace } = manifest.metadata;
  const keys = subjectKeys({ namespace, system: "", task: "", agent: manifest.metadata.name });
  const tool = readToolFacts(name, namespace, model);
  const needed = neededPermissions(relevantPermissions(model.policies, keys, tool), tool);
  return (specOf(manifest, "Agent")?.roles ?? []).flatMap((role) => {
    const address = addressOf({ kind: "AgentRole", ...partsOf(role, namespace) });
    const held = model.manifests.get(address);
    const permissions = (held === undefined ? undefined : specOf(held, "AgentRole"))?.permissions ?? [];
    return permissions.flatMap((permission, index) =>
      needed.has(permissionKey(permission))
        ? [{ policy: address, rule: `spec.permissions[${index}]`, message: `role \`${role}\` gives \`${permission}\`` }]
        : [],
    );
  });
}

function partsOf(reference: string, namespace: string): { readonly namespace: string; readonly name: string } {
  const [first = "", second] = reference.split("/");
  return second === undefined ? { namespace, name: first } : { namespace: first, name: second };
}

function seenOf(
  model: AccessModel,
  manifest: Manifest | undefined,
  { what, name }: Grant,
  seen: SeenTools,
): Pick<Call, "seen"> {
  const namespace = manifest?.metadata.namespace ?? "";
  if (what === "model" || model.manifests.has(addressOf({ kind: "Tool", namespace, name }))) return {};
  const isServed = [...model.served.keys()].some((prefix) => `${namespace}/${plainToolName(name)}`.startsWith(prefix));
  if (!isServed) return {};
  const servers = [...seen].filter(([server]) =>
    `${namespace}/${plainToolName(name)}`.startsWith(plainToolName(`${server}--`)),
  );
  if (servers.length === 0) return { seen: null };
  return {
    seen: servers.some(([server, tools]) =>
      tools.some((tool) => toolKey(mcpToolName(server.slice(server.indexOf("/") + 1), tool)) === toolKey(name)),
    ),
  };
}
