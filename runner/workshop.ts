// Opens what an agent works with: its model, its tools, its gate. Keeps what outlives one activation: MCP servers,
// compiled argument schemas, the policies of now.

import { addressOf } from "../contracts/address.ts";
import { decisionIdOf } from "../contracts/decision-id.ts";
import type { AgentSpec } from "../contracts/kinds/agent.ts";
import { listedTools } from "../contracts/memory-tools.ts";
import { taskId } from "../contracts/new-task.ts";
import type { Reach } from "../policies/request.ts";
import type { Redis } from "../store/connect.ts";
import type { ActivationJob } from "../store/queue.ts";
import { openRenewals } from "../store/renewals.ts";
import { lookAtBudgets } from "../store/scripts/look-at-budgets.ts";
import type { ModelChoice, ToolRules } from "./agent/desk.ts";
import type { OutputShape } from "./agent/output.ts";
import { outputShape } from "./agent/output-shape.ts";
import { openApprovalBook } from "./approval-book.ts";
import { openArtifacts } from "./artifacts/open-artifacts.ts";
import { Breakers } from "./breakers.ts";
import { openCallHistory } from "./call-history.ts";
import type { Definitions } from "./definitions.ts";
import { type ArgumentCheck, createArgumentCheck } from "./gate/arguments.ts";
import type { JudgeOptions } from "./gate/ask.ts";
import { CarriedLabels } from "./gate/carried.ts";
import { createGate, type Gate } from "./gate/gate.ts";
import { openGuards } from "./gate/guards.ts";
import { realPath } from "./gate/real-path.ts";
import { type Redactor, redactFailure } from "./gate/redact.ts";
import type { Held } from "./held.ts";
import { LivePolicies } from "./live-policies.ts";
import { McpSupervisor } from "./mcp/supervisor.ts";
import { memoryOf } from "./memory/held-memory.ts";
import type { ToolDefinition } from "./models/model.ts";
import { openAgentModels } from "./models/open-agent-models.ts";
import { OpenedModels } from "./models/opened-models.ts";
import { Containers } from "./processes/containers/containers.ts";
import { PrivateFiles } from "./processes/private-files.ts";
import { Sandbox } from "./processes/sandbox.ts";
import type { SecretAccess } from "./secrets/allowed.ts";
import { guardSecrets } from "./secrets/guard-secrets.ts";
import { redactorOf } from "./secrets/redactor-of.ts";
import { openSecrets, type Secrets } from "./secrets/secrets.ts";
import { openSightings, type Sightings } from "./sightings.ts";
import { findStop, StoppedActivations, stopped } from "./stops.ts";
import { openCallbacks } from "./tools/callbacks.ts";
import { resolveHost } from "./tools/checked-request.ts";
import type { FoundServer } from "./tools/find-manifest.ts";
import { GrantRenewer } from "./tools/oauth/grant-renewer.ts";
import { OAuthTokens } from "./tools/oauth-tokens.ts";
import { openToolBox, type ToolDeps } from "./tools/open-tool-box.ts";
import type { ToolBox } from "./tools/tool.ts";
import { toolRules } from "./tools/tool-rules.ts";

export interface WorkshopOptions {
  readonly redis: Redis;
  readonly env: string;
  /** Whose policies and suspensions hold as they are now; default: the environment's own. */
  readonly lawEnv?: string;
  /** Names the runner in what it tells of the world. */
  readonly id: string;
  readonly secrets: SecretAccess;
  /** Where MCP servers are started. */
  readonly cwd: string;
  /** Programs that servers and CLI tools may be; null: any. */
  readonly allowedCommands: readonly string[] | null;
  /** Images that servers may run from. See `Containers`; none where nothing is said. */
  readonly allowedImages?: readonly string[];
  /** Absolute paths that no sandboxed command sees: the folder of a private Redis, files with keys. */
  readonly hiddenPlaces: readonly string[];
  /** Hosts of HTTP tools that may lead to private addresses. */
  readonly privateHosts: readonly string[];
  /** Where tools that answer later reach us; absent: they are asked. */
  readonly callbackUrl?: URL | undefined;
  /** Where WebAssembly modules may lie; absent: none is run. */
  readonly wasmFolders?: readonly string[] | undefined;
  readonly now: () => Date;
  readonly newId: () => string;
}

/** For one attempt at one activation. */
export interface Bench {
  readonly gate: Gate;
  readonly models: readonly ModelChoice[];
  readonly output: OutputShape | undefined;
  readonly tools: readonly ToolDefinition[];
  readonly toolRules: (tool: string) => ToolRules;
  readonly redact: (text: string) => string;
  /** What the agent has read so far. */
  readonly carried: CarriedLabels;
  readonly close: () => Promise<void>;
}

export interface Workshop {
  /** Throws PermanentFailure or TransientFailure where the model, a secret or a server is not to be had. */
  open(held: Held, definitions: Definitions, spec: AgentSpec): Promise<Bench>;
  /** Whether it was stopped here, and what stopped it still stands: then there is nothing to claim. */
  isStopped(job: ActivationJob, signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

export function openWorkshop(options: WorkshopOptions): Workshop {
  const { secrets: access, cwd, allowedCommands, privateHosts } = options;
  const mcp = new McpSupervisor();
  const privateFiles = new PrivateFiles(access.variables["XDG_RUNTIME_DIR"]);
  // Nothing waits for it: what is left lies where only this user may look.
  privateFiles.sweep().catch(() => undefined);
  const shared: Shared = {
    options,
    mcp,
    live: new LivePolicies(options.redis, options.lawEnv ?? options.env),
    stops: new StoppedActivations(),
    breakers: new Breakers(options.redis, options.env, () => performance.now()),
    opened: new OpenedModels({ privateHosts, resolve: resolveHost }),
    argumentCheck: createArgumentCheck(),
    sightings: openSightings(options),
    ground: {
      variables: access.variables,
      cwd,
      allowedCommands,
      privateHosts,
      resolve: resolveHost,
      tokens: new OAuthTokens(() => performance.now()),
      // Those of a preview are the same logins, in the same secrets.
      renewer: new GrantRenewer(openRenewals(options.redis, options.lawEnv ?? options.env, options.newId())),
      now: options.now,
      callbacks: openCallbacks(options.redis, options.env, options.callbackUrl),
      wasmFolders: options.wasmFolders ?? [],
      sandbox: new Sandbox(access.variables["PATH"] ?? "", options.hiddenPlaces),
      privateFiles,
      containers: new Containers(access.variables, options.allowedImages ?? [], privateFiles),
    },
  };
  return {
    close: async () => {
      await mcp.close();
      await shared.ground.containers.close();
    },
    async isStopped(job, signal) {
      if (!shared.stops.has(job)) return false;
      return shared.stops.isStopped(job, await shared.live.holds(Number.NEGATIVE_INFINITY, signal));
    },
    async open(held, definitions, spec) {
      const secrets = shared.sightings.watch(openSecrets(definitions.snapshot.entries, access, held.lease.signal));
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
  readonly stops: StoppedActivations;
  readonly breakers: Breakers;
  readonly opened: OpenedModels;
  readonly argumentCheck: ArgumentCheck;
  readonly sightings: Sightings;
  readonly ground: ToolDeps["ground"];
}

interface Attempt {
  readonly held: Held;
  readonly definitions: Definitions;
  readonly spec: AgentSpec;
}

async function openBench(shared: Shared, attempt: Attempt, known: Secrets, redactor: Redactor): Promise<Bench> {
  const { options, mcp, breakers, opened, argumentCheck, sightings, ground } = shared;
  const { held, definitions, spec } = attempt;
  const { entries } = definitions.snapshot;
  const { namespace } = held.task;
  const output = outputShape(spec, held.agent);
  const judged = judgeOptions(shared, attempt, redactor);
  const guards = openGuards(judged);
  const hasSecret = (home: string, name: string): boolean =>
    entries[addressOf({ kind: "Secret", namespace: home, name })] !== undefined;
  const secrets = guardSecrets(known, guards, hasSecret);
  const modelSources = { definitions, secrets, breakers, opened, at: options.now() };
  const models = await openAgentModels(modelSources, namespace, spec);
  const toolNames = listedTools(spec);
  // A server may have made names of what it was given.
  const onOpened: ToolDeps["onOpened"] = (server, tools, texts) =>
    sightings.serverOpened(server, redacted(tools, redactor), redacted(texts, redactor));
  const { shelf: artifacts, tool: artifactTool } = openArtifacts(options.redis, held.task, toolNames);
  let made: Gate | undefined;
  const gate = (): Gate => {
    if (made === undefined) throw new TypeError("a tool was called before there was a gate");
    return made;
  };
  const memory = memoryOf({
    options,
    ground,
    ...attempt,
    secrets,
    hasSecret,
    carried: judged.carried,
    modelSources,
    gate,
    redactor,
  });
  const admit = ({ namespace: home, name }: FoundServer, uses: Reach): Promise<void> =>
    guards.useServer(`McpServer ${home}/${name}`, uses);
  const caller = { task: taskId(held.task), namespace, agent: held.agent };
  const deps = { mcp, secrets, ground, onOpened, memory, artifactTool, admit, hasSecret, caller };
  const rulesOf = (tool: string): ReturnType<typeof toolRules> => toolRules(entries, namespace, tool);
  // A verify tool can be called, but not by the model: the gate lists it for its one question only.
  const verifying = toolNames.flatMap((name) => rulesOf(name).verify ?? []);
  const toolBox = await openToolBox(
    { entries, namespace, toolNames: [...toolNames, ...verifying] },
    deps,
    held.lease.signal,
  );
  made = createGate({ ...judged, toolBox, argumentCheck, ...(artifacts === undefined ? {} : { artifacts }) });
  return {
    gate: made,
    models,
    output,
    tools: definitionsOf(toolBox, toolNames).map((definition) => redacted(definition, redactor)),
    toolRules: (tool) => ({ ...rulesOf(tool), effect: toolBox.find(tool)?.effect ?? "write" }),
    redact: (text) => redactor.text(text),
    carried: judged.carried,
    close: () => toolBox.close(),
  };
}

/** The same shape, with other texts where a secret stood in them. */
function redacted<T>(value: T, redactor: Redactor): T {
  return redactor.value(value) as T;
}

/** What the gate judges by: complete before any tool is opened. */
function judgeOptions(
  { options, live, stops }: Shared,
  { held, definitions, spec }: Attempt,
  redactor: Redactor,
): JudgeOptions {
  return {
    realPath,
    policies: definitions.policies,
    livePolicies: () => live.get(held.since.madeByMs, held.lease.signal),
    budgets: { look: (claims) => lookAtBudgets(options.redis, options.env, claims) },
    checkStops: async (request, endpoint) => {
      const holds = await live.holds(held.since.madeByMs, held.lease.signal);
      const stop = findStop(holds, request, endpoint);
      if (stop === undefined) return;
      stops.note(held, stop);
      const why = stopped(stop);
      // No other model may stand in, and no further try be made: the activation ends here, and is given back.
      held.lease.abort(why);
      throw why;
    },
    workedMs: () => ({
      taskMs: Math.round(performance.now() - held.since.taskMs),
      activationMs: Math.round(performance.now() - held.since.activationMs),
    }),
    recorder: held.journal,
    carried: new CarriedLabels(held.claim.messages, held.claim.steps),
    history: openCallHistory(options.redis, held),
    redactor,
    clock: { now: options.now, monotonicMs: () => performance.now() },
    newId: () => decisionIdOf(held.task, options.newId()),
    approvals: openApprovalBook(options.redis, held),
    ...askerOf(held, spec),
  };
}

function askerOf({ task, activation, agent, claim }: Held, spec: AgentSpec) {
  const { system, manifest, input } = claim.task;
  return {
    task,
    activation,
    subject: { namespace: task.namespace, system, task: manifest ?? task.name, agent },
    input,
    grants: { tools: listedTools(spec), allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] },
  };
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
