// Whether the sealed values of an environment can be opened here: with the identities that this process was given.
import { specOf } from "../contracts/kinds.ts";
import type { StateRecord } from "../contracts/record.ts";
import { placeText } from "../contracts/sealed-text.ts";
import type { AgeKeys } from "../runner/secrets/age-keys.ts";

export interface ClosedValue {
  readonly place: string;
  readonly code: string;
  readonly why: string;
}

export interface SealedCheck {
  readonly opened: number;
  readonly closed: readonly ClosedValue[];
}

/** Values that `from` goes before are not looked at. Nothing that is opened is kept. */
export async function checkSealed(records: Iterable<StateRecord>, keys: Pick<AgeKeys, "open">): Promise<SealedCheck> {
  const closed: ClosedValue[] = [];
  let opened = 0;
  for (const { manifest } of records) {
    const { sealed = {}, from = {} } = specOf(manifest, "Secret") ?? {};
    const { namespace, name } = manifest.metadata;
    for (const [key, text] of Object.entries(sealed)) {
      if (Object.hasOwn(from, key)) continue;
      const place = { namespace, name, key };
      const answer = await keys.open(text, place);
      if (answer.outcome === "opened") opened += 1;
      else closed.push({ place: placeText(place), code: answer.code, why: answer.why });
    }
  }
  return { opened, closed };
}
