// What one agent may call before and after a change, compared: gained, lost, and what bounds its calls otherwise. Pure.
import type { BoundChange } from "../../contracts/plan.ts";
import type { Bound } from "../../policies/bounds.ts";
import type { Grant } from "./grants.ts";

export interface GrantComparison {
  readonly gained: readonly Grant[];
  readonly lost: readonly Grant[];
  readonly bounds: readonly BoundChange[];
  readonly widens: boolean;
  /** Those, before and after, that any of this is about. */
  readonly touched: readonly Grant[];
}

const NOTHING: GrantComparison = { gained: [], lost: [], bounds: [], widens: false, touched: [] };

export function compareGrants(had: readonly Grant[], has: readonly Grant[]): GrantComparison {
  if (had.length + has.length === 0) return NOTHING;
  const pairs = pairUp(had, has);
  const [gained, lost] = [grantedOnlyIn(has, had), grantedOnlyIn(had, has)];
  const moved = new Set([...gained, ...lost].map(({ name }) => name));
  const changes: BoundChange[] = [];
  const bounded = new Set<Grant | null>();
  for (const pair of pairs) {
    const change = changeOf(pair);
    if (change === undefined) continue;
    changes.push(change);
    bounded.add(pair.before).add(pair.after);
  }
  return {
    gained,
    lost,
    bounds: mergeSame(changes),
    widens: pairs.some(isWider),
    touched: [...had, ...has].filter((grant) => moved.has(grant.name) || bounded.has(grant)),
  };
}

function grantedOnlyIn(grants: readonly Grant[], others: readonly Grant[]): Grant[] {
  const granted = grants.filter(isGranted);
  if (granted.length === 0 || others.length === 0) return granted;
  const texts = new Set(others.filter(isGranted).map(({ text }) => text));
  return granted.filter(({ text }) => !texts.has(text));
}

function isGranted({ effect }: Grant): boolean {
  return effect !== "deny";
}

/** The same call before and after; null: it was, or will be, none of the agent's. */
interface Pair {
  readonly before: Grant | null;
  readonly after: Grant | null;
}

/** A grant without a system stands for each of those that the other side tells apart. */
function pairUp(had: readonly Grant[], has: readonly Grant[]): Pair[] {
  const pairs = has.map((after) => ({ before: find(had, after), after }));
  const gone = had.filter((before) => find(has, before) === null);
  return [...pairs, ...gone.map((before) => ({ before, after: null }))];
}

function find(grants: readonly Grant[], { what, name, system }: Grant): Grant | null {
  if (grants.length === 0) return null;
  const same = grants.filter((grant) => grant.what === what && grant.name === name);
  if (system === null && same.length > 1)
    return same.reduce((least, grant) => (rank(grant) < rank(least) ? grant : least));
  return same.find((grant) => grant.system === system || grant.system === null) ?? same[0] ?? null;
}

function rank(grant: Grant | null): number {
  return grant === null ? 0 : { deny: 0, ask: 1, allow: 2 }[grant.effect];
}

function changeOf({ before, after }: Pair): BoundChange | undefined {
  if (after === null || !isGranted(after)) return undefined;
  const [was, is] = [boundsOf(before), boundsOf(after)];
  if (was.length + is.length === 0) return undefined;
  const removed = onlyIn(was, is).map(({ text }) => text);
  const added = onlyIn(is, was).map(({ text }) => text);
  if (removed.length + added.length === 0) return undefined;
  return { on: after.text, removed, added, widens: isWider({ before, after }) };
}

function boundsOf(grant: Grant | null): readonly Bound[] {
  return grant === null || !isGranted(grant) ? [] : grant.bounds.filter(({ enforced }) => enforced);
}

function onlyIn(bounds: readonly Bound[], others: readonly Bound[]): Bound[] {
  const texts = new Set(others.map(contentOf));
  return bounds.filter((bound) => !texts.has(contentOf(bound)));
}

/** Moving a rule to another policy changes nothing. */
function contentOf({ effect, text }: Bound): string {
  return `${effect} ${text}`;
}

function isWider({ before, after }: Pair): boolean {
  if (after === null || rank(after) === 0) return false;
  if (rank(after) > rank(before)) return true;
  const [was, is] = [boundsOf(before), boundsOf(after)];
  return opensBounds(was, is) || opensAllows(was, is);
}

/** A bound that goes, or is another one now, widens: of two conditions nobody can tell which one lets more through. */
function opensBounds(was: readonly Bound[], is: readonly Bound[]): boolean {
  const gone = onlyIn(was, is).filter(({ effect }) => effect !== "allow");
  return gone.some((bound) => !is.some((other) => isSmallerBudget(other, bound)));
}

function isSmallerBudget(other: Bound, bound: Bound): boolean {
  const [limit, wasLimit] = [other.limit, bound.limit];
  return limit !== undefined && wasLimit !== undefined && sameRule(other, bound) && limit <= wasLimit;
}

function sameRule(a: Bound, b: Bound): boolean {
  return a.policy === b.policy && a.rule === b.rule;
}

/** What only certain rules allow: one more of them widens, and so does it that everything is allowed now. */
function opensAllows(was: readonly Bound[], is: readonly Bound[]): boolean {
  const [allowed, allows] = [was, is].map((bounds) => bounds.filter(({ effect }) => effect === "allow"));
  if (allowed === undefined || allowed.length === 0 || allows === undefined) return false;
  return allows.length === 0 || onlyIn(allows, allowed).length > 0;
}

/** A budget of the task bounds each of its calls; the same words are told once. */
function mergeSame(changes: readonly BoundChange[]): BoundChange[] {
  const merged = new Map<string, BoundChange>();
  for (const change of changes) {
    const key = JSON.stringify([change.removed, change.added, change.widens]);
    const other = merged.get(key);
    merged.set(key, other === undefined ? change : { ...other, on: `${other.on}, ${change.on}` });
  }
  return [...merged.values()];
}
