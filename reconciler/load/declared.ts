// What a set declares: every name that a reference may use, and where it stands. Also manifests with errors count as
// declared, so that one broken manifest does not break all that name it.
import type { KindName } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place } from "../../contracts/problem.ts";
import { isMemoryTool, mcpToolName, plainToolName } from "../../contracts/tool-names.ts";
import { nearMatch } from "./near-match.ts";

export interface Declaration {
  readonly manifest: Manifest;
  readonly valid: boolean;
  readonly locate: (pointer: string) => Place;
}

/** Looking for a near match in a large set takes milliseconds; the first of many problems are the ones that people read. */
const NEAR_MATCHES = 300;

export class Declared {
  private readonly byName = new Map<string, Declaration>();
  private readonly names = new Map<string, string[]>();
  private readonly servers = new Map<string, Declaration>();
  private readonly tools = new Set<string>();
  private readonly models = new Set<string>();
  private looked = 0;

  constructor(declarations: Iterable<Declaration>) {
    for (const declaration of declarations) this.add(declaration);
  }

  private add(declaration: Declaration): void {
    const { kind, metadata, spec } = declaration.manifest;
    const { namespace, name } = metadata;
    this.byName.set(`${kind}/${namespace}/${name}`, declaration);
    const siblings = this.names.get(`${kind}/${namespace}`) ?? [];
    siblings.push(name);
    this.names.set(`${kind}/${namespace}`, siblings);
    if (kind === "McpServer") this.servers.set(`${namespace}/${plainToolName(name)}`, declaration);
    if (kind === "Tool") this.tools.add(`${namespace}/${plainToolName(name)}`);
    if (kind === "ModelEndpoint" && typeof spec["default_model"] === "string") this.models.add(spec["default_model"]);
  }

  find(kind: KindName, namespace: string, name: string): Declaration | undefined {
    return this.byName.get(`${kind}/${namespace}/${name}`);
  }

  hasModel(id: string): boolean {
    return this.models.has(id);
  }

  /** Whether an agent may name this tool: a Tool, a tool that a declared server offers, or one of the memory. */
  hasTool(namespace: string, name: string): boolean {
    if (isMemoryTool(name) || this.find("Tool", namespace, name) !== undefined) return true;
    const server = this.serverOf(namespace, name);
    return server !== undefined && offers(server, name);
  }

  /** Policies compare tools without case and with `_` and `.` as `-`. */
  hasToolLike(namespace: string, name: string): boolean {
    return this.hasTool(namespace, name) || this.tools.has(`${namespace}/${plainToolName(name)}`);
  }

  /** The declared server of `server--tool`. Names of servers may hold `--` themselves, so every split is tried. */
  serverOf(namespace: string, tool: string): Declaration | undefined {
    const plain = plainToolName(tool);
    for (let at = plain.indexOf("--"); at !== -1; at = plain.indexOf("--", at + 1)) {
      const server = this.servers.get(`${namespace}/${plain.slice(0, at)}`);
      if (server !== undefined) return server;
    }
    return undefined;
  }

  namesOf(kind: KindName, namespace: string): readonly string[] {
    return this.names.get(`${kind}/${namespace}`) ?? [];
  }

  near(kind: KindName, namespace: string, name: string): Declaration | undefined {
    this.looked += 1;
    if (this.looked > NEAR_MATCHES) return undefined;
    const near = nearMatch(name, this.namesOf(kind, namespace));
    return near === undefined ? undefined : this.find(kind, namespace, near);
  }
}

/** A filter that is known says which tools exist; without one the server tells when it runs. */
function offers(server: Declaration, tool: string): boolean {
  const include = specOf(server.manifest, "McpServer")?.tool_filter?.include ?? [];
  if (include.length === 0) return true;
  const wanted = plainToolName(tool);
  return include.some((name) => plainToolName(mcpToolName(server.manifest.metadata.name, name)) === wanted);
}
