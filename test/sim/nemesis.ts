// What goes wrong, when: kills, pauses, hand-overs, a server that is away or stands still, bells that are lost.
import type { Dice } from "./dice.ts";

export type Blow =
  | { readonly kind: "kill"; readonly againAfterMs: number; readonly sameId: boolean }
  | { readonly kind: "stop"; readonly againAfterMs: number; readonly sameId: boolean }
  | { readonly kind: "pause"; readonly ms: number }
  | { readonly kind: "server-away"; readonly ms: number; readonly forgets: boolean }
  | { readonly kind: "server-stalls"; readonly ms: number }
  | { readonly kind: "lose-bell" };

export interface TimedBlow {
  readonly atMs: number;
  readonly blow: Blow;
}

export function planBlows(dice: Dice, withinMs: number, leaseMs: number): readonly TimedBlow[] {
  const count = dice.whole(0, 10);
  return Array.from({ length: count }, () => ({ atMs: dice.whole(0, withinMs), blow: rollBlow(dice, leaseMs) }));
}

function rollBlow(dice: Dice, leaseMs: number): Blow {
  const restart = { againAfterMs: dice.whole(50, 2 * leaseMs), sameId: dice.chance(0.5) };
  // From a hiccup to more than three leases.
  const ms = Math.round(leaseMs * (0.05 + 3.2 * dice.next() ** 2));
  switch (
    dice.pick(["kill", "kill", "pause", "pause", "stop", "server-away", "server-stalls", "lose-bell", "lose-bell"])
  ) {
    case "kill":
      return { kind: "kill", ...restart };
    case "stop":
      return { kind: "stop", ...restart };
    case "pause":
      return { kind: "pause", ms };
    case "server-away":
      return { kind: "server-away", ms: Math.min(ms, 12_000), forgets: dice.chance(0.5) };
    case "server-stalls":
      return { kind: "server-stalls", ms: Math.min(ms, 12_000) };
    default:
      return { kind: "lose-bell" };
  }
}
