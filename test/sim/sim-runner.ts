// A runner of the simulator: the runner's own code from the claim to the release, the gate and the agent loop included, over
// simulated connections. Only what opens models and tools is another, and the loop that BullMQ keeps.
import { failureRecord } from "../../contracts/failure.ts";
import { runActivation } from "../../runner/activation.ts";
import type { AgentModel, ToolRules } from "../../runner/agent/desk.ts";
import { openApprovalBook } from "../../runner/approval-book.ts";
import { DefinitionCache } from "../../runner/definition-cache.ts";
import { createArgumentCheck } from "../../runner/gate/arguments.ts";
import { CarriedLabels } from "../../runner/gate/carried.ts";
import { createGate } from "../../runner/gate/gate.ts";
import { createRedactor } from "../../runner/gate/redact.ts";
import { Holdings } from "../../runner/holdings.ts";
import { RunnerStopping } from "../../runner/lease.ts";
import { RUNNER_LIMITS } from "../../runner/limits.ts";
import { LivePolicies } from "../../runner/live-policies.ts";
import { toolRules } from "../../runner/tools/tool-rules.ts";
import type { Workshop } from "../../runner/workshop.ts";
import type { Redis } from "../../store/connect.ts";
import type { ActivationQueue } from "../../store/queue.ts";
import { lookAtBudgets } from "../../store/scripts/look-at-budgets.ts";
import { readSnapshot } from "../../store/snapshots.ts";
import { sweepTasks } from "../../store/sweep.ts";
import { type Bells, startBellWorker } from "./bells.ts";
import type { Wire } from "./client.ts";
import type { Dice } from "./dice.ts";
import type { Outside } from "./outside.ts";
import { CANARY } from "./scenario.ts";
import type { Machine, VirtualTime } from "./virtual-time.ts";

export interface SimRunnerOptions {
  readonly id: string;
  readonly time: VirtualTime;
  readonly machine: Machine;
  readonly dice: Dice;
  readonly redis: Redis;
  readonly queue: ActivationQueue;
  readonly bells: Bells;
  readonly bellWire: Wire;
  readonly outside: Outside;
  readonly concurrency: number;
  readonly leaseMs: number;
  readonly newId: () => string;
  readonly say: (line: string) => void;
}

export interface SimRunner {
  readonly machine: Machine;
  /** In order, as on SIGTERM: takes nothing new, hands back what it holds, and is gone. */
  stop(): Promise<void>;
}

/** To be called on the runner's own machine. */
export function startSimRunner(options: SimRunnerOptions): SimRunner {
  const { id, time, machine, dice, redis, queue, bells, bellWire, concurrency, leaseMs, say } = options;
  // Clocks on the wall differ, and nothing may be decided by them.
  const skewMs = dice.whole(-5_000, 5_000);
  const now = (): Date => new Date(time.wallMs() + skewMs);
  const workshop = openSimWorkshop(options, now);
  const definitions = new DefinitionCache((digest) => readSnapshot(redis, queue.env, digest), RUNNER_LIMITS.snapshots);
  const holdings = new Holdings();
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const parts = {
    redis,
    queue,
    id,
    leaseMs,
    definitions,
    workshop,
    holdings,
    isStopping,
    now,
    random: () => dice.next(),
    say,
  };
  const tell = (error: unknown): void => say(`${id}: ${failureRecord(error).code}: ${failureRecord(error).message}`);
  const worker = startBellWorker({
    time,
    bells,
    wire: bellWire,
    machine,
    concurrency,
    leaseMs,
    process: (job, bell) => runActivation(parts, job, bell),
    onError: tell,
  });
  const keepRounds = async (): Promise<void> => {
    while (!isStopping()) {
      await sweepTasks(redis, queue).catch(tell);
      await time.pass(RUNNER_LIMITS.sweepMs);
    }
  };
  void keepRounds();
  return {
    machine,
    stop: async () => {
      stopping.abort();
      await worker.stop(new RunnerStopping("the runner stops"));
      machine.isDead = true;
    },
  };
}

function openSimWorkshop({ redis, queue, outside, newId }: SimRunnerOptions, now: () => Date): Workshop {
  const live = new LivePolicies(redis, queue.env);
  const argumentCheck = createArgumentCheck();
  const redactor = createRedactor([CANARY]);
  return {
    close: () => Promise.resolve(),
    isStopped: () => Promise.resolve(false),
    open: async (held, definitions, spec) => {
      const { task, activation, agent, claim, since, lease, journal } = held;
      const name = `${task.namespace}/${task.name}`;
      const toolBox = outside.toolBox(name);
      const grants = { tools: spec.tools ?? [], allowedTools: spec.allowed_tools ?? [], roles: spec.roles ?? [] };
      const carried = new CarriedLabels(claim.messages, claim.steps);
      const gate = createGate({
        task,
        activation,
        subject: { namespace: task.namespace, system: claim.task.system, task: task.name, agent },
        grants,
        input: claim.task.input,
        realPath: () => Promise.resolve(null),
        policies: definitions.policies,
        livePolicies: () => live.get(since.madeByMs, lease.signal),
        recorder: journal,
        toolBox,
        carried,
        redactor,
        argumentCheck,
        clock: { now, monotonicMs: () => performance.now() },
        newId,
        approvals: openApprovalBook(redis, held),
        budgets: { look: (claims) => lookAtBudgets(redis, queue.env, claims) },
      });
      const model: AgentModel = {
        model: outside.model(name, activation),
        name: "mock-1",
        maxOutputTokens: 1_000,
        price: null,
        enter: () => Promise.resolve({ state: "may-call", leave: () => Promise.resolve() }),
      };
      const models = [{ endpoint: "default/mock", open: () => Promise.resolve(model) }];
      const tools = grants.tools.flatMap((tool) => toolBox.find(tool)?.definition ?? []);
      const rules = (tool: string): ToolRules => ({
        ...toolRules(definitions.snapshot.entries, task.namespace, tool),
        effect: toolBox.find(tool)?.effect ?? "write",
      });
      return {
        gate,
        models,
        output: undefined,
        tools,
        toolRules: rules,
        redact: (text) => redactor.text(text),
        carried,
        close: () => toolBox.close(),
      };
    },
  };
}
