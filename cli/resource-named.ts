// The resource that a user names: `Kind/name`, `Kind/namespace/name`, or a kind and a name.
import { type Address, addressOf, DEFAULT_NAMESPACE, isName } from "../contracts/address.ts";
import { kindNamed } from "./kind-named.ts";
import { UsageFailure } from "./output.ts";

export interface ResourceWords {
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
}

/** null: none is named. Throws UsageFailure. */
export function resourceNamed({ kind, name, namespace }: ResourceWords): Address | null {
  if (kind === undefined) return null;
  const [kindWord = "", ...names] = [...kind.split("/"), ...(name?.split("/") ?? [])];
  const [last, space, ...rest] = names.toReversed();
  if (last === undefined) throw new UsageFailure(`which ${kindNamed(kindWord)}? Give its name, as in ${kindWord}/NAME`);
  const wrong = [last, space ?? DEFAULT_NAMESPACE].find((word) => !isName(word));
  if (rest.length > 0 || wrong !== undefined) {
    throw new UsageFailure(
      `\`${[kind, name].filter(Boolean).join(" ")}\` names no resource; write Kind/name or Kind/namespace/name`,
    );
  }
  return addressOf({ kind: kindNamed(kindWord), namespace: space ?? namespace ?? DEFAULT_NAMESPACE, name: last });
}
