// What each agent gains and loses by a plan, as the evaluator sees it that decides at run time. Pure.
import type { AccessChange, Change } from "../../contracts/plan.ts";
import { isPolicyKind } from "./digests.ts";
import { type AccessModel, type Grant, grantsOf, type Holder, readAccessModel, shortName } from "./grants.ts";

/** Sorted by agent. Agents whose access stays as it is are left out. */
export function accessChanges(
  before: readonly Holder[],
  after: readonly Holder[],
  changes: readonly Change[],
): AccessChange[] {
  if (changes.length === 0) return [];
  const [old, next] = [readAccessModel(before), readAccessModel(after)];
  const agents = new Set([...old.agents.keys(), ...next.agents.keys()]);
  return [...agents].toSorted().flatMap((agent) => agentChange({ agent, old, next, changes }));
}

interface AgentInput {
  readonly agent: string;
  readonly old: AccessModel;
  readonly next: AccessModel;
  readonly changes: readonly Change[];
}

function agentChange({ agent, old, next, changes }: AgentInput): AccessChange[] {
  const [had, has] = [grantsOf(old, agent), grantsOf(next, agent)];
  const gained = grantedOnlyIn(has, had);
  const lost = grantedOnlyIn(had, has);
  if (gained.length + lost.length === 0) return [];
  const tools = new Set([...gained, ...lost].map(({ tool }) => tool));
  const related = [...had, ...has].filter(({ tool }) => tools.has(tool)).flatMap((grant) => grant.related);
  return [{ agent, gained: textsOf(gained), lost: textsOf(lost), cause: findCause(agent, new Set(related), changes) }];
}

function grantedOnlyIn(grants: readonly Grant[], others: readonly Grant[]): Grant[] {
  const texts = new Set(others.filter(({ granted }) => granted).map(({ text }) => text));
  return grants.filter(({ granted, text }) => granted && !texts.has(text));
}

function textsOf(grants: readonly Grant[]): string[] {
  return [...new Set(grants.map(({ text }) => text))].toSorted();
}

const ACCESS_FIELD = /^\/spec\/(tools|allowed_tools|roles)(\/|$)/;

/**
 * The line that people should look at: the agent's own change, else the change of something that the evaluator named
 * or that shapes the grant (role, tool, system), else the first policy that changed.
 */
function findCause(agent: string, related: ReadonlySet<string>, changes: readonly Change[]): AccessChange["cause"] {
  const own = changes.find((change) => change.kind === "Agent" && shortName(change) === agent);
  const field = own?.fields.find(({ path }) => ACCESS_FIELD.test(path));
  const widens = own !== undefined && (own.action !== "update" || field !== undefined);
  const change =
    (widens ? own : undefined) ??
    changes.find(({ address }) => related.has(address)) ??
    changes.find(({ kind }) => isPolicyKind(kind)) ??
    changes[0];
  const place = field?.source ?? change?.source;
  return { file: place?.file ?? "", line: place?.line ?? 1 };
}
