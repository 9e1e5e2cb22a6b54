// Secrets behind the gate: policies are asked at each use, whoever it is for.
import { type ReachGround, secretName } from "../../contracts/reach.ts";
import type { Guards } from "../gate/guards.ts";
import type { Secrets } from "./secrets.ts";

/** Its `resolve` throws SECRET_NOT_GRANTED, too. */
export function guardSecrets(
  known: Secrets,
  guards: Pick<Guards, "useSecret">,
  hasSecret: ReachGround["hasSecret"],
): Secrets {
  return {
    knownValues: () => known.knownValues(),
    note: (value) => known.note(value),
    async resolve(reference, namespace, neededBy) {
      const name = secretName(reference, { namespace, hasSecret });
      if (name !== undefined) await guards.useSecret(name, neededBy);
      return known.resolve(reference, namespace, neededBy);
    },
  };
}
