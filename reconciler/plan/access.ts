// What each agent gains and loses by a plan, as the evaluator sees it that decides at run time. Pure.
import type { KindName } from "../../contracts/address.ts";
import type { AccessChange, Change } from "../../contracts/plan.ts";
import { isPolicyKind } from "../../contracts/policy-digest.ts";
import { type AccessModel, type Holder, readAccessModel, shortName } from "./access-model.ts";
import { compareGrants } from "./compare-grants.ts";
import { type Grant, grantsOf } from "./grants.ts";

/** A change of these may reach any agent; without one, only the agents that change themselves are asked for. */
const SHARED_KINDS: readonly KindName[] = [
  "AgentPolicy",
  "AgentRole",
  "AgentSystem",
  "McpServer",
  "Memory",
  "ModelEndpoint",
  "Tool",
  "ToolPermission",
];

/** Sorted by agent. Agents whose access stays as it is are left out. */
export function accessChanges(
  before: readonly Holder[],
  after: readonly Holder[],
  changes: readonly Change[],
): AccessChange[] {
  if (!changes.some(mayMoveAccess)) return [];
  const [old, next] = [readAccessModel(before), readAccessModel(after)];
  const index = indexChanges(changes);
  const agents = changes.some(({ kind }) => SHARED_KINDS.includes(kind))
    ? new Set([...old.agents.keys(), ...next.agents.keys()])
    : index.byAgent.keys();
  return [...agents].toSorted().flatMap((agent) => agentChange({ agent, old, next, index }));
}

/** Another prompt grants nothing: reading who may do what of ten thousand manifests takes 20 ms. */
export function mayMoveAccess({ kind, action, fields }: Change): boolean {
  if (kind !== "Agent") return SHARED_KINDS.includes(kind);
  return action !== "update" || fields.some(({ path }) => ACCESS_FIELD.test(path));
}

/** Ten thousand agents look for their causes among ten thousand changes. */
interface ChangeIndex {
  readonly byAddress: ReadonlyMap<string, Change>;
  /** An agent's own change, by its short name. */
  readonly byAgent: ReadonlyMap<string, Change>;
  /** The first policy that changes, else the first change. */
  readonly fallback: Change | undefined;
}

function indexChanges(changes: readonly Change[]): ChangeIndex {
  const agents = changes.filter(({ kind }) => kind === "Agent");
  return {
    byAddress: new Map(changes.map((change) => [change.address, change])),
    byAgent: new Map(agents.map((change) => [shortName(change), change])),
    fallback: changes.find(({ kind }) => isPolicyKind(kind)) ?? changes[0],
  };
}

interface AgentInput {
  readonly agent: string;
  readonly old: AccessModel;
  readonly next: AccessModel;
  readonly index: ChangeIndex;
}

function agentChange({ agent, old, next, index }: AgentInput): AccessChange[] {
  const [had, has] = [grantsOf(old, agent), grantsOf(next, agent)];
  const { gained, lost, bounds, widens, touched } = compareGrants(had, has);
  if (touched.length === 0) return [];
  return [
    { agent, gained: textsOf(gained), lost: textsOf(lost), bounds, widens, cause: findCause(agent, touched, index) },
  ];
}

function textsOf(grants: readonly Grant[]): string[] {
  const texts = grants.map(({ text }) => text);
  return texts.length < 2 ? texts : [...new Set(texts)].toSorted();
}

const ACCESS_FIELD = /^\/spec\/(tools|allowed_tools|roles|memory|model_ref|fallback_model_refs)(\/|$)/;

/**
 * The line that people should look at: the agent's own change, else the change of something that the evaluator named
 * or that shapes the grant (role, tool, system), else the first policy that changed.
 */
function findCause(agent: string, touched: readonly Grant[], index: ChangeIndex): AccessChange["cause"] {
  const own = index.byAgent.get(agent);
  const field = own?.fields.find(({ path }) => ACCESS_FIELD.test(path));
  const widens = own !== undefined && (own.action !== "update" || field !== undefined);
  const change = widens ? own : (findNamed(touched, index) ?? index.fallback);
  const place = (widens ? field?.source : undefined) ?? change?.source;
  return { file: place?.file ?? "", line: place?.line ?? 1 };
}

function findNamed(touched: readonly Grant[], { byAddress }: ChangeIndex): Change | undefined {
  const addresses = touched.flatMap(({ related }) => related).toSorted();
  const named = addresses.find((address) => byAddress.has(address));
  return named === undefined ? undefined : byAddress.get(named);
}
