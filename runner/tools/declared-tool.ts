// Tools as their manifests declare them, each with the way in which its type is called; MCP servers provide theirs
// (mcp-tools.ts). A tool that cannot work here is one that fails when it is called.
import { PermanentFailure } from "../../contracts/failure.ts";
import { type ReachGround, reachOfTool } from "../../contracts/reach.ts";
import { declaredClasses, effectOf } from "../../contracts/tool-facts.ts";
import type { Secrets } from "../secrets/secrets.ts";
import type { Callbacks } from "./callbacks.ts";
import type { Outbound } from "./checked-request.ts";
import { callCliTool } from "./cli/cli-tool.ts";
import type { CliGround } from "./cli/prepare.ts";
import type { Caller } from "./contract/request.ts";
import type { CredentialGround } from "./credentials.ts";
import type { FoundTool } from "./find-manifest.ts";
import type { ContractSource } from "./http/contract-http.ts";
import { callExternalTool } from "./http/external-tool.ts";
import { callHttpTool } from "./http/http-tool.ts";
import { callWebhookTool, isAwaited } from "./http/webhook-tool.ts";
import type { Tool } from "./tool.ts";
import { dataFrom, definitionDigest, timeoutMsOf } from "./tool-facts.ts";
import { callWasmTool, type WasmGround } from "./wasm/wasm-tool.ts";

/** What tools get of this machine. */
interface DeclaredGround extends CliGround, WasmGround {
  /** Host names that may lead to private addresses. */
  readonly privateHosts: readonly string[];
  readonly resolve: Outbound["resolve"];
  readonly tokens: CredentialGround["tokens"];
  readonly callbacks: Callbacks;
}

export interface DeclaredDeps {
  readonly secrets: Secrets;
  readonly hasSecret: ReachGround["hasSecret"];
  /** On whose behalf tools are called. */
  readonly caller: Caller;
  readonly ground: DeclaredGround;
}

/** All of a tool but the way to call it. */
export type ToolFacts = Omit<Tool, "call">;

/** `name`: what the agent calls it. */
export function typedTool(manifest: FoundTool, name: string, deps: DeclaredDeps): Tool {
  const { namespace, spec } = manifest;
  const { secrets, ground } = deps;
  const facts = factsOf(manifest, name, deps);
  switch (spec.type ?? "http") {
    case "http":
      return { ...facts, call: (args, context) => callHttpTool(remoteSource(manifest, deps), args, context) };
    case "external":
      return { ...facts, call: (args, context) => callExternalTool(remoteSource(manifest, deps), args, context) };
    case "webhook-callback": {
      const source = { ...remoteSource(manifest, deps), callbacks: ground.callbacks };
      return {
        ...facts,
        call: (args, context) => callWebhookTool(source, args, context),
        isAwaited: (key) => isAwaited(source, key),
      };
    }
    case "grpc":
      // Few runners call one, and its library takes its time.
      return {
        ...facts,
        call: async (args, context) =>
          (await import("./grpc/grpc-tool.ts")).callGrpcTool(grpcSource(manifest, deps), args, context),
      };
    case "cli": {
      const source = { namespace, label: labelOf(manifest), spec, secrets, ground };
      return { ...facts, call: (args, context) => callCliTool(source, args, context) };
    }
    case "wasm": {
      const source = { namespace, tool: manifest.name, label: labelOf(manifest), spec, ground };
      return { ...facts, call: (args, context) => callWasmTool(source, args, context) };
    }
    case "mcp":
    case "a2a":
      return brokenTool(facts, unsupported(manifest));
  }
}

function remoteSource(manifest: FoundTool, deps: DeclaredDeps): ContractSource {
  const { endpoint = "" } = manifest.spec;
  return sourceAt(URL.canParse(endpoint) ? new URL(endpoint).hostname : "", manifest, deps);
}

/** Its endpoint is no URL, but `host:port`. */
function grpcSource(manifest: FoundTool, deps: DeclaredDeps): ContractSource {
  const { endpoint = "" } = manifest.spec;
  return sourceAt(endpoint.slice(0, Math.max(0, endpoint.lastIndexOf(":"))), manifest, deps);
}

function sourceAt(host: string, manifest: FoundTool, { secrets, caller, ground }: DeclaredDeps): ContractSource {
  const { namespace, name, spec } = manifest;
  return {
    namespace,
    tool: name,
    label: labelOf(manifest),
    spec,
    caller,
    outbound: outboundTo(host, ground),
    credentials: { secrets, tokens: ground.tokens, outbound: (url) => outboundTo(url.hostname, ground) },
  };
}

/** The manifest's host, and only it, may be one that the runner was told to reach inside. */
export function outboundTo(
  host: string,
  { privateHosts, resolve }: Pick<DeclaredGround, "privateHosts" | "resolve">,
): Outbound {
  return { allowPrivate: privateHosts.includes(host), resolve };
}

export function brokenTool(facts: ToolFacts, failure: PermanentFailure): Tool {
  return { ...facts, call: () => Promise.reject(failure) };
}

export function factsOf({ spec, namespace }: FoundTool, name: string, { hasSecret }: DeclaredDeps): ToolFacts {
  const definition = {
    name,
    description: spec.description ?? "",
    inputSchema: spec.input_schema ?? { type: "object" },
  };
  return {
    definition,
    definitionDigest: definitionDigest(definition, {}),
    // A module has nothing of the machine: whatever it is called, it changes nothing.
    effect: effectOf(spec, spec.type === "wasm" ? { readOnlyHint: true } : {}),
    capabilities: spec.capabilities ?? [],
    operationClasses: declaredClasses(spec),
    timeoutMs: timeoutMsOf(spec.runtime?.timeout),
    ...dataFrom([spec], [reachOfTool(spec, { namespace, hasSecret })]),
  };
}

function unsupported(manifest: FoundTool): PermanentFailure {
  const text = `${labelOf(manifest)}: tools of type \`${manifest.spec.type}\` cannot be called by this runner`;
  return new PermanentFailure("TOOL_TYPE_UNSUPPORTED", text);
}

export function labelOf({ namespace, name }: FoundTool): string {
  return `Tool ${namespace}/${name}`;
}
