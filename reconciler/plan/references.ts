// Which other manifests a manifest needs, as addresses. Rules that only name something are no need. Pure.
import { type Address, addressOf, type KindName, parseAddress } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { REFERENCES, type Reference } from "../../contracts/references.ts";
import { readSecretRef } from "../../contracts/secret-ref.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import { scoped } from "../load/check-references.ts";
import { referenceValues } from "../load/reference-values.ts";

/** What a manifest may need. Not all of it exists: a Secret may be elsewhere, a tool be the memory's. */
export type ReadReferences = (manifest: Manifest) => Address[];

const NEEDS: ReadonlyMap<KindName, readonly Reference[]> = new Map(
  REFERENCES.map(({ kind }) => [
    kind,
    REFERENCES.filter((reference) => reference.kind === kind && reference.weight !== "rule"),
  ]),
);

/** `known`: every address that may be meant; a tool of a server is told from a Tool by the servers among them. */
export function createReferences(known: Iterable<Address>): ReadReferences {
  const servers = new Map<string, Address>();
  for (const address of known) {
    const parts = parseAddress(address);
    if (parts?.kind === "McpServer") servers.set(`${parts.namespace}/${plainToolName(parts.name)}`, address);
  }
  return (manifest) => {
    const { namespace } = manifest.metadata;
    const found = (NEEDS.get(manifest.kind) ?? []).flatMap((reference) =>
      referenceValues(manifest, reference.path).flatMap(({ text }) => meant(text, namespace, reference, servers)),
    );
    return [...new Set(found)];
  };
}

function meant(
  text: string,
  namespace: string,
  { form, target }: Reference,
  servers: ReadonlyMap<string, Address>,
): Address[] {
  if (form === "secret") return readSecretRef(text, namespace).map((ref) => addressOf({ ...ref, kind: "Secret" }));
  const wanted = scoped(text, namespace);
  const named = addressOf({ ...wanted, kind: target });
  return form === "tool" ? [named, ...serversOf(wanted, servers)] : [named];
}

/** `server--tool`, where names of servers may hold `--` themselves. */
function serversOf(
  { namespace, name }: { readonly namespace: string; readonly name: string },
  servers: ReadonlyMap<string, Address>,
): Address[] {
  const parts = plainToolName(name).split("--");
  return parts.slice(1).flatMap((_part, index) => {
    const server = servers.get(`${namespace}/${parts.slice(0, index + 1).join("--")}`);
    return server === undefined ? [] : [server];
  });
}
