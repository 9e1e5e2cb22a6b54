// The order in which changes take effect: what is referred to comes first and goes last. Pure.
import type { Address } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { createReferences, type ReadReferences } from "./references.ts";

interface Placed {
  readonly address: Address;
  readonly manifest: Manifest;
}

/** Targets before what refers to them, otherwise by address. For prunes take it from the end. */
export function inOrder<T extends Placed>(items: readonly T[]): T[] {
  const byAddress = new Map(items.map((item) => [item.address, item]));
  const read = createReferences(byAddress.keys());
  const ordered: T[] = [];
  const seen = new Set<Address>();
  for (const item of items.toSorted((a, b) => (a.address < b.address ? -1 : 1))) {
    visit(item, { byAddress, read, ordered, seen });
  }
  return ordered;
}

interface Walk<T> {
  readonly byAddress: ReadonlyMap<Address, T>;
  readonly read: ReadReferences;
  readonly ordered: T[];
  readonly seen: Set<Address>;
}

/** References are at most as deep as there are kinds, but for Tools that verify Tools: a cycle of these ends where it began. */
function visit<T extends Placed>(first: T, { byAddress, read, ordered, seen }: Walk<T>): void {
  const open: { readonly item: T; readonly targets: T[] }[] = [];
  const enter = (item: T): void => {
    if (seen.has(item.address)) return;
    seen.add(item.address);
    const targets = read(item.manifest)
      .toSorted()
      .flatMap((address) => byAddress.get(address) ?? []);
    open.push({ item, targets: targets.toReversed() });
  };
  enter(first);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.targets.pop();
    if (next !== undefined) enter(next);
    else ordered.push((open.pop() ?? top).item);
  }
}
