// The kind that a user names, in any of its forms; a typing mistake gets the nearest one.
import type { KindName } from "../contracts/address.ts";
import { KIND_NAMES } from "../contracts/address.ts";
import { findKind } from "../contracts/kinds.ts";
import { nearMatch } from "../reconciler/load/near-match.ts";
import { UsageFailure } from "./output.ts";

/** Throws UsageFailure. */
export function kindNamed(word: string): KindName {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  const near = nearMatch(word, KIND_NAMES);
  const hint = near === undefined ? `kinds are ${KIND_NAMES.join(", ")}` : `did you mean \`${near}\`?`;
  throw new UsageFailure(`\`${word}\` is no kind; ${hint}`);
}
