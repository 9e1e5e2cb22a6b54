// Opens what an agent works with: its model, its tools, its gate. Keeps what outlives one activation: MCP servers,
// compiled argument schemas, the policies of now.

import { PermanentFailure } from "../contracts/failure.ts";
import type { AgentSpec } from "../contracts/kinds/agent.ts";
import { specOf } from "../contracts/kinds.ts";
import type { Redis } from "../store/connect.ts";
import type { AgentModel, ToolRules } from "./agent/desk.ts";
import type { Definitions } from "./definitions.ts";
import { type ArgumentCheck, createArgumentCheck } from "./gate/arguments.ts";
import { createGate, type Gate } from "./gate/gate.ts";
import { realPath } from "./gate/real-path.ts";
import { createRedactor, type Redactor, redactFailure } from "./gate/redact.ts";
import type { Held } from "./held.ts";
import { RUNNER_LIMITS } from "./limits.ts";
import { LivePolicies } from "./live-policies.ts";
import { McpSupervisor } from "./mcp/supervisor.ts";
import type { ToolDefinition } from "./models/model.ts";
import { openModel } from "./models/open-model.ts";
import { priceOf } from "./models/price.ts";
import type { SecretAccess } from "./secrets/allowed.ts";
import { openSecrets, type Secrets } from "./secrets/secrets.ts";
import { openSightings, type Sightings } from "./sightings.ts";
import { resolveHost } from "./tools/checked-request.ts";
import { openToolBox, type ToolDeps } from "./tools/open-tool-box.ts";
import type { ToolBox } from "./tools/tool.ts";
import { toolRules } from "./tools/tool-rules.ts";

export interface WorkshopOptions {
  readonly redis: Redis;
  readonly env: string;
  /** Names the runner in what it tells of the world. */
  readonly id: string;
  readonly secrets: SecretAccess;
  /** Where MCP servers are started. */
  readonly cwd: string;
  /** Hosts of HTTP tools that may lead to private addresses. */
  readonly privateHosts: readonly string[];
  readonly now: () => Date;
  readonly newId: () => string;
}

/** For one attempt at one activation. */
export interface Bench {
  readonly gate: Gate;
  readonly model: AgentModel;
  readonly tools: readonly ToolDefinition[];
  readonly toolRules: (tool: string) => ToolRules;
  readonly redact: (text: string) => string;
  readonly close: () => Promise<void>;
}

export interface Workshop {
  /** Throws PermanentFailure or TransientFailure where the model, a secret or a server is not to be had. */
  open(held: Held, definitions: Definitions, spec: AgentSpec): Promise<Bench>;
  close(): Promise<void>;
}

export function openWorkshop(options: WorkshopOptions): Workshop {
  const { secrets: access, cwd, privateHosts } = options;
  const mcp = new McpSupervisor();
  const shared: Shared = {
    options,
    mcp,
    live: new LivePolicies(options.redis, options.env),
    argumentCheck: createArgumentCheck(),
    sightings: openSightings(options),
    ground: { variables: access.variables, cwd, privateHosts, resolve: resolveHost },
  };
  return {
    close: () => mcp.close(),
    async open(held, definitions, spec) {
      const secrets = shared.sightings.watch(openSecrets(definitions.snapshot.entries, access));
      const redactor = redactorOf(secrets);
      try {
        return await openBench(shared, { held, definitions, spec }, secrets, redactor);
      } catch (error) {
        // A server that does not start is quoted, and may have printed what it was given.
        throw redactFailure(error, redactor);
      }
    },
  };
}

/** What outlives one activation. */
interface Shared {
  readonly options: WorkshopOptions;
  readonly mcp: McpSupervisor;
  readonly live: LivePolicies;
  readonly argumentCheck: ArgumentCheck;
  readonly sightings: Sightings;
  readonly ground: ToolDeps["ground"];
}

interface Attempt {
  readonly held: Held;
  readonly definitions: Definitions;
  readonly spec: AgentSpec;
}

async function openBench(
  { options, mcp, live, argumentCheck, sightings, ground }: Shared,
  { held, definitions, spec }: Attempt,
  secrets: Secrets,
  redactor: Redactor,
): Promise<Bench> {
  const { entries } = definitions.snapshot;
  const { namespace } = held.task;
  const model = await openAgentModel(definitions, secrets, namespace, spec.model_ref, options.now());
  const toolNames = spec.tools ?? [];
  const onOpened = sightings.serverOpened.bind(sightings);
  const deps = { mcp, secrets, ground, onOpened };
  const rulesOf = (tool: string): ToolRules => toolRules(entries, namespace, tool);
  // A verify tool can be called, but not by the model: the gate lists it for its one question only.
  const verifying = toolNames.flatMap((name) => rulesOf(name).verify ?? []);
  const toolBox = await openToolBox(
    { entries, namespace, toolNames: [...toolNames, ...verifying] },
    deps,
    held.lease.signal,
  );
  const gate = createGate({
    ...askerOf(held, spec),
    realPath,
    policies: definitions.policies,
    livePolicies: () => live.get(held.claimedAtMs, held.lease.signal),
    recorder: held.journal,
    toolBox,
    redactor,
    argumentCheck,
    clock: { now: options.now, monotonicMs: () => performance.now() },
    newId: options.newId,
  });
  const tools = definitionsOf(toolBox, toolNames);
  return {
    gate,
    model,
    tools,
    toolRules: rulesOf,
    redact: (text) => redactor.text(text),
    close: () => toolBox.close(),
  };
}

function askerOf({ task, activation, agent, claim }: Held, spec: AgentSpec) {
  const { system, manifest, input } = claim.task;
  return {
    task,
    activation,
    subject: { namespace: task.namespace, system, task: manifest ?? task.name, agent },
    input,
    grants: { tools: spec.tools ?? [], allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] },
  };
}

async function openAgentModel(
  definitions: Definitions,
  secrets: Secrets,
  namespace: string,
  reference: string,
  at: Date,
): Promise<AgentModel> {
  const manifest = definitions.manifest("ModelEndpoint", namespace, reference);
  const spec = specOf(manifest, "ModelEndpoint");
  if (spec === undefined) throw new PermanentFailure("DEFINITION_MISSING", `\`${reference}\` is no ModelEndpoint`);
  const { metadata } = manifest;
  const neededBy = `ModelEndpoint ${metadata.namespace}/${metadata.name}`;
  const secretRef = spec.auth?.secret_ref;
  const apiKey = secretRef === undefined ? undefined : await secrets.resolve(secretRef, metadata.namespace, neededBy);
  const endpoint = { namespace: metadata.namespace, name: metadata.name, spec };
  const model = await openModel(apiKey === undefined ? endpoint : { ...endpoint, apiKey });
  return {
    model,
    name: spec.default_model,
    maxOutputTokens: outputTokens(spec.options),
    price: await priceOf(spec, at),
  };
}

function outputTokens(options: Readonly<Record<string, string>> = {}): number {
  const asked = Number(options["max_tokens"]);
  return Number.isInteger(asked) && asked > 0 ? asked : RUNNER_LIMITS.maxOutputTokens;
}

/** Tools resolve their secrets when they are called, so what must be redacted grows while the agent works. */
function redactorOf(secrets: Secrets): Redactor {
  let known = -1;
  let redactor = createRedactor([]);
  const current = (): Redactor => {
    const values = secrets.knownValues();
    if (values.length !== known) redactor = createRedactor(values);
    known = values.length;
    return redactor;
  };
  return { text: (text) => current().text(text), value: (value) => current().value(value) };
}

/** Each tool once, though the agent may list it under two spellings. */
function definitionsOf(toolBox: ToolBox, names: readonly string[]): ToolDefinition[] {
  const tools = new Map(names.flatMap((name) => definitionOf(toolBox, name)).map((found) => [found.name, found]));
  return [...tools.values()];
}

function definitionOf(toolBox: ToolBox, name: string): ToolDefinition[] {
  const tool = toolBox.find(name);
  return tool === undefined ? [] : [tool.definition];
}
