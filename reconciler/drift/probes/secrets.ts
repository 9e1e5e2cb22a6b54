// Finds secrets that are absent: references that no record declares, and keys for which a runner has no value.
import type { Address } from "../../../contracts/address.ts";
import { addressOf } from "../../../contracts/address.ts";
import type { StateRecord } from "../../../contracts/record.ts";
import { REFERENCES } from "../../../contracts/references.ts";
import { readSecretRef } from "../../../contracts/secret-ref.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import type { MissingSecret } from "../../../store/sightings.ts";
import { referenceValues } from "../../load/reference-values.ts";
import { valueAt } from "../../plan/field-diff.ts";
import type { Probe, WorldFinding } from "../probe.ts";

/** The reconciler sees no secret's value: what a Secret's `from` leads to, only runners can tell. */
export function secretsProbe(readMissing: () => Promise<readonly MissingSecret[]>): Probe {
  return {
    name: "secrets",
    async look(records) {
      const known = new Map(records.map((record) => [record.address, record]));
      const undeclared = records.flatMap((record) => findUndeclared(record, known));
      const missing = (await readMissing()).flatMap((told) => describeMissing(told, known));
      return { findings: [...undeclared, ...missing], unknown: [] };
    },
  };
}

function findUndeclared(record: StateRecord, known: ReadonlyMap<Address, StateRecord>): WorldFinding[] {
  const { manifest } = record;
  const { namespace } = manifest.metadata;
  const references = REFERENCES.filter(({ kind, form }) => kind === manifest.kind && form === "secret");
  return references.flatMap(({ path }) =>
    referenceValues(manifest, path).flatMap(({ pointer, text }): WorldFinding[] => {
      const meant = readSecretRef(text, namespace).map((ref) =>
        addressOf({ kind: "Secret", namespace: ref.namespace, name: ref.name }),
      );
      if (meant.some((address) => known.has(address))) return [];
      const message = `the secret \`${text}\` is declared by no record`;
      const revert = `declare the Secret \`${meant[0] ?? text}\``;
      return [{ record, code: "SECRET_ABSENT", pointer, message, before: text, revert }];
    }),
  );
}

const WHY: Readonly<Record<string, string>> = {
  SECRET_MISSING: "has no value for it",
  SECRET_REFUSED: "is not allowed to read it",
  SECRET_IDENTITY_MISSING: "has no age identity to open it with",
  SECRET_IDENTITY_WRONG: "has none of the age identities that it is sealed for",
  SECRET_SEALED_DAMAGED: "finds its sealed value damaged",
  SECRET_SEALED_ELSEWHERE: "finds a value that was sealed for another Secret",
  SECRET_SOPS_UNAVAILABLE: "has no `sops` that works to open its file with",
  SECRET_SOPS_CLOSED: "has no key to open its SOPS file with",
  SECRET_SOPS_DAMAGED: "finds its SOPS file damaged",
};

/** A Secret that no record declares is told by whoever refers to it. */
function describeMissing(told: MissingSecret, known: ReadonlyMap<Address, StateRecord>): WorldFinding[] {
  const { namespace, name, key, runner, code, at } = told;
  const record = known.get(addressOf({ kind: "Secret", namespace, name }));
  if (record === undefined) return [];
  const pointer = pointerOf(record, key);
  const message = `runner \`${runner}\` ${WHY[code] ?? "cannot resolve it"}: key \`${key}\` (${at})`;
  const revert = `give the runner the value of \`${name}:${key}\`; it says that it is there when it is used next`;
  return [{ record, code: "SECRET_ABSENT", pointer, message, revert }];
}

function pointerOf({ manifest }: StateRecord, key: string): string {
  const step = escapePointer(key);
  const places = [`/spec/from/${step}`, `/spec/sealed/${step}`, `/spec/string_data/${step}`, `/spec/data/${step}`];
  return places.find((pointer) => valueAt(manifest, pointer) !== undefined) ?? "/spec";
}
