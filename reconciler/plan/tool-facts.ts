// What the gate needs to know of a tool, read from the manifests: its Tool, or the server that provides it.
import { type Address, addressOf } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { memoryClass, memoryOperation } from "../../contracts/memory-tools.ts";
import { declaredClasses, discoveredClasses } from "../../contracts/tool-facts.ts";
import { plainToolName } from "../../contracts/tool-names.ts";
import type { ToolFacts } from "../../policies/request.ts";

export interface ToolSource {
  readonly manifests: ReadonlyMap<Address, Manifest>;
  /** What the names of tools of McpServers begin with, as `<namespace>/<server>--`. */
  readonly served: ReadonlySet<string>;
}

export function servedPrefix(server: Manifest): string {
  return `${server.metadata.namespace}/${plainToolName(`${server.metadata.name}--`)}`;
}

/** Of a tool that only its server describes nothing is known before a runner asks it: it counts as the worst, as there. */
export function readToolFacts(name: string, namespace: string, { manifests, served }: ToolSource): ToolFacts {
  const manifest = manifests.get(addressOf({ kind: "Tool", namespace, name }));
  const spec = manifest === undefined ? undefined : specOf(manifest, "Tool");
  if (spec !== undefined) {
    return { name, known: true, capabilities: spec.capabilities ?? [], operationClasses: declaredClasses(spec) };
  }
  const operation = memoryOperation(name);
  if (operation !== undefined) {
    return { name, known: true, capabilities: [], operationClasses: [memoryClass(operation)] };
  }
  const isOfServer = isServed(`${namespace}/${plainToolName(name)}`, served);
  return {
    name,
    known: isOfServer,
    capabilities: [],
    operationClasses: isOfServer ? discoveredClasses({}) : ["read"],
  };
}

/** A server's name may hold `--` itself, so every such place may be where it ends. */
function isServed(name: string, served: ReadonlySet<string>): boolean {
  for (let end = name.indexOf("--"); end >= 0; end = name.indexOf("--", end + 1)) {
    if (served.has(name.slice(0, end + 2))) return true;
  }
  return false;
}
