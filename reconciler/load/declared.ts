// What a set declares: every name that a reference may use, and where it stands. Also manifests with errors count as
// declared, so that one broken manifest does not break all that name it. It notes what is asked, so that after a change
// only those are checked again who asked about what changed.
import type { KindName } from "../../contracts/address.ts";
import { builtInClass } from "../../contracts/built-in-tools.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import type { Place } from "../../contracts/problem.ts";
import { mcpToolName, plainToolName } from "../../contracts/tool-names.ts";
import { nearMatch } from "./near-match.ts";

export interface Declaration {
  readonly address: string;
  readonly manifest: Manifest;
  readonly valid: boolean;
  readonly locate: (pointer: string) => Place;
}

/** What one check asked about: see {@link factsOf}. */
export interface Inquiry {
  readonly facts: readonly string[];
  /** How often it looked for a near match. */
  readonly looked: number;
}

/** Looking for a near match in a large set takes milliseconds; the first of many problems are the ones that people read. */
export const NEAR_MATCHES = 300;

export class Declared {
  private readonly byAddress: ReadonlyMap<string, Declaration>;
  private indexes: Indexes | undefined;
  private looked = 0;
  private facts: string[] = [];

  /** The map may change between inquiries, if {@link forget} is told. */
  constructor(byAddress: ReadonlyMap<string, Declaration>) {
    this.byAddress = byAddress;
  }

  forget(): void {
    this.indexes = undefined;
  }

  /** Runs one check and answers what it asked. */
  inquire<T>(check: () => T): { readonly answer: T; readonly inquiry: Inquiry } {
    const before = this.looked;
    this.facts = [];
    const answer = check();
    return { answer, inquiry: { facts: this.facts, looked: this.looked - before } };
  }

  has(kind: KindName, namespace: string, name: string): boolean {
    const address = `${kind}/${namespace}/${name}`;
    this.facts.push(address);
    return this.byAddress.has(address);
  }

  /** For whoever looks into the manifest, or tells where it stands. */
  read(kind: KindName, namespace: string, name: string): Declaration | undefined {
    const address = `${kind}/${namespace}/${name}`;
    this.facts.push(contentFact(address));
    return this.byAddress.get(address);
  }

  hasModel(id: string): boolean {
    this.facts.push(modelFact(id));
    return this.index().models.has(id);
  }

  /** Policies compare ids of models without case. */
  hasModelLike(matches: (id: string) => boolean): boolean {
    this.facts.push(ANY_MODEL);
    return this.modelIds().some((id) => matches(id.toLowerCase()));
  }

  nearModel(id: string): string | undefined {
    this.looked += 1;
    if (this.looked > NEAR_MATCHES) return undefined;
    this.facts.push(ANY_MODEL);
    return nearMatch(id, this.modelIds());
  }

  private modelIds(): string[] {
    return [...this.index().models].filter((id) => typeof id === "string");
  }

  /** Whether an agent may name this tool: a Tool, a tool that a declared server offers, or one of ours. */
  hasTool(namespace: string, name: string): boolean {
    if (builtInClass(name) !== undefined || this.has("Tool", namespace, name)) return true;
    const server = this.serverOf(namespace, name);
    return server !== undefined && offers(server, name);
  }

  /** Policies compare tools without case and with `_` and `.` as `-`. */
  hasToolLike(namespace: string, name: string): boolean {
    const plain = `${namespace}/${plainToolName(name)}`;
    this.facts.push(toolFact(plain));
    return this.hasTool(namespace, name) || this.index().tools.has(plain);
  }

  /** The Tool that a policy means by this name. */
  readToolLike(namespace: string, name: string): Declaration | undefined {
    const exact = this.read("Tool", namespace, name);
    if (exact !== undefined) return exact;
    const plain = `${namespace}/${plainToolName(name)}`;
    this.facts.push(toolFact(plain));
    const like = this.index().tools.get(plain);
    if (like !== undefined) this.facts.push(contentFact(like.address));
    return like;
  }

  /** Those whose name, as policies compare it, matches, in any namespace. Each that is taken is looked into. */
  *toolsWhere(matches: (key: string) => boolean): Generator<Declaration> {
    this.facts.push(ANY_TOOL);
    for (const [plain, tool] of this.index().tools) {
      if (!matches(plain.slice(plain.indexOf("/") + 1))) continue;
      this.facts.push(contentFact(tool.address));
      yield tool;
    }
  }

  /** In any namespace. */
  serverNames(): readonly string[] {
    this.facts.push(ANY_SERVER);
    return [...this.index().servers.keys()].map((plain) => plain.slice(plain.indexOf("/") + 1));
  }

  /** The declared server of `server--tool`. Names of servers may hold `--` themselves, so every split is tried. */
  serverOf(namespace: string, tool: string): Declaration | undefined {
    const plain = plainToolName(tool);
    for (let at = plain.indexOf("--"); at !== -1; at = plain.indexOf("--", at + 1)) {
      const name = `${namespace}/${plain.slice(0, at)}`;
      this.facts.push(serverFact(name));
      const server = this.index().servers.get(name);
      if (server === undefined) continue;
      this.facts.push(contentFact(server.address));
      return server;
    }
    return undefined;
  }

  namesOf(kind: KindName, namespace: string): readonly string[] {
    this.facts.push(namesFact(kind, namespace));
    return this.index().names.get(`${kind}/${namespace}`) ?? [];
  }

  /** In whatever namespace: for what is compared without one. */
  hasName(kind: KindName, name: string): boolean {
    this.facts.push(nameFact(kind, name));
    return this.index().anywhere.has(`${kind}/${name}`);
  }

  near(kind: KindName, namespace: string, name: string): Declaration | undefined {
    this.looked += 1;
    if (this.looked > NEAR_MATCHES) return undefined;
    const near = nearMatch(name, this.namesOf(kind, namespace));
    return near === undefined ? undefined : this.read(kind, namespace, near);
  }

  private index(): Indexes {
    this.indexes ??= makeIndexes(this.byAddress.values());
    return this.indexes;
  }
}

interface Indexes {
  /** By kind and namespace. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /** Kinds with names, of all namespaces. */
  readonly anywhere: ReadonlySet<string>;
  readonly servers: ReadonlyMap<string, Declaration>;
  readonly tools: ReadonlyMap<string, Declaration>;
  readonly models: ReadonlySet<unknown>;
}

/** Made when first asked for: most sets never need the names, which are for patterns and near matches. */
function makeIndexes(declarations: Iterable<Declaration>): Indexes {
  const names = new Map<string, string[]>();
  const anywhere = new Set<string>();
  const servers = new Map<string, Declaration>();
  const tools = new Map<string, Declaration>();
  const models = new Set<unknown>();
  for (const declaration of declarations) {
    const [kind, namespace, name] = partsOf(declaration);
    anywhere.add(`${kind}/${name}`);
    const siblings = names.get(`${kind}/${namespace}`) ?? [];
    if (siblings.push(name) === 1) names.set(`${kind}/${namespace}`, siblings);
    if (kind === "McpServer") setLast(servers, `${namespace}/${plainToolName(name)}`, declaration);
    if (kind === "Tool") setLast(tools, `${namespace}/${plainToolName(name)}`, declaration);
    if (kind === "ModelEndpoint") models.add(declaration.manifest.spec["default_model"]);
  }
  return { names, anywhere, servers, tools, models };
}

/** Where it can without its manifest, which may have to be unfolded for this. A name that is none may hold anything. */
function partsOf(declaration: Declaration): readonly [kind: string, namespace: string, name: string] {
  const [kind, namespace, name, more] = declaration.address.split("/");
  if (kind !== undefined && namespace !== undefined && name !== undefined && more === undefined)
    return [kind, namespace, name];
  const { kind: written, metadata } = declaration.manifest;
  return [written, metadata.namespace, metadata.name];
}

/** Of two servers, or two Tools, of one name the last by address counts, in whatever order they come. */
function setLast(named: Map<string, Declaration>, name: string, declaration: Declaration): void {
  const other = named.get(name);
  if (other === undefined || other.address < declaration.address) named.set(name, declaration);
}

const ANY_MODEL = "models";
const ANY_TOOL = "tools";
const ANY_SERVER = "servers";
const contentFact = (address: string): string => `=${address}`;
const modelFact = (id: string): string => `model ${id}`;
const toolFact = (plain: string): string => `tool ${plain}`;
const serverFact = (plain: string): string => `server ${plain}`;
const nameFact = (kind: string, name: string): string => `name ${kind}/${name}`;
const namesFact = (kind: KindName, namespace: string): string => `names ${kind}/${namespace}`;

/** The facts that may be others once `before` gave way to `after`, both of one address; undefined: not there. */
export function factsOf(before: Declaration | undefined, after: Declaration | undefined): string[] {
  const { address, manifest } = before ?? after ?? {};
  if (address === undefined || manifest === undefined) return [];
  const { kind, metadata } = manifest;
  const models = [before, after].map((declaration) => declaration?.manifest.spec["default_model"]);
  const changed =
    kind === "ModelEndpoint" && models[0] !== models[1]
      ? [ANY_MODEL, ...models.map((id) => modelFact(String(id)))]
      : [];
  if (before !== undefined && after !== undefined) return [contentFact(address), ...changed];
  const plain = `${metadata.namespace}/${plainToolName(metadata.name)}`;
  const named = [
    serverFact(plain),
    toolFact(plain),
    nameFact(kind, metadata.name),
    namesFact(kind, metadata.namespace),
    ...(kind === "Tool" ? [ANY_TOOL] : []),
    ...(kind === "McpServer" ? [ANY_SERVER] : []),
  ];
  return [address, contentFact(address), ...named, ...changed];
}

export function isContentFact(fact: string): boolean {
  return fact.startsWith("=");
}

/** A filter that is known says which tools exist; without one the server tells when it runs. */
function offers(server: Declaration, tool: string): boolean {
  const include = specOf(server.manifest, "McpServer")?.tool_filter?.include ?? [];
  if (include.length === 0) return true;
  const wanted = plainToolName(tool);
  return include.some((name) => plainToolName(mcpToolName(server.manifest.metadata.name, name)) === wanted);
}
