// The durable gate: from the question whether a tool may be called to the permit, with the decision, the step, the chain and
// the ledger written to a Redis on loopback. And the same under a budget that tasks share, which is one more script.
import { randomUUID } from "node:crypto";
import type { TaskRef } from "../contracts/task.ts";
import { compilePolicies, type PolicySet } from "../policies/policy-set.ts";
import { createArgumentCheck } from "../runner/gate/arguments.ts";
import { CarriedLabels } from "../runner/gate/carried.ts";
import { createGate, type Gate } from "../runner/gate/gate.ts";
import { createRedactor } from "../runner/gate/redact.ts";
import { Lease } from "../runner/lease.ts";
import type { Tool } from "../runner/tools/tool.ts";
import { ActivationJournal } from "../runner/trace/activation-journal.ts";
import { claimActivation } from "../store/scripts/claim.ts";
import { lookAtBudgets } from "../store/scripts/look-at-budgets.ts";
import { renewLease } from "../store/scripts/renew.ts";
import { agent, mockModel, openWorld, system, type World } from "../test/runner/world.ts";
import { redisCpuMs } from "./cpu.ts";
import { median, printFigure } from "./measure.ts";
import { withPrivateRedis } from "./private-redis.ts";

const CALLS = 2_000;
const WARM_UP = 200;
const LEASE_MS = 600_000;
const ACTIVATION = "a#1";

const ALONE = {
  apply_mode: "global",
  blocked_tools: ["shell_exec"],
  max_tokens_per_run: 50_000,
  max_calls: { look: 1e6 },
};
const SHARED = { ...ALONE, budgets: [{ per: ["system", "day"], steps: 1e6 }] };

const LOOK: Tool = {
  definition: { name: "look", description: "Looks.", inputSchema: { type: "object" } },
  definitionDigest: "sha256:look",
  effect: "read",
  capabilities: [],
  operationClasses: ["read"],
  timeoutMs: 1_000,
  call: () => Promise.resolve({ text: "", isError: false }),
};

await withPrivateRedis(async (url) => {
  await measure(url, "durable gate, one call of a tool", ALONE);
  await measure(url, "durable gate, under a budget that tasks share", SHARED);
});

async function measure(url: string, name: string, spec: unknown): Promise<void> {
  const world = openWorld(url);
  const manifests = [agent("a", { tools: ["look"] }), system("one", ["a"]), mockModel("mock")];
  const ref = await world.start(manifests, "one");
  const { gate, end } = await openDurableGate(world, ref, policiesOf(spec));
  const times: number[] = [];
  let cpuBefore = { own: process.cpuUsage(), redisMs: 0 };
  for (let index = 1; index <= CALLS + WARM_UP; index += 1) {
    const call = { id: `c${index}`, tool: "look", arguments: { topic: "clocks", page: index } };
    if (index === WARM_UP) cpuBefore = { own: process.cpuUsage(), redisMs: await redisCpuMs(world.redis) };
    const begunMs = performance.now();
    const permission = await gate.requestTool({ turn: index, index: 1, call });
    times.push(performance.now() - begunMs);
    if (permission.outcome !== "permitted") throw new Error(permission.outcome);
  }
  const { user, system: kernel } = process.cpuUsage(cpuBefore.own);
  const ownMs = (user + kernel) / 1_000 / CALLS;
  const redisMs = ((await redisCpuMs(world.redis)) - cpuBefore.redisMs) / CALLS;
  end();
  await world.close();
  const counted = times.slice(WARM_UP);
  const high = counted.toSorted((a, b) => a - b)[Math.floor(CALLS * 0.99)];
  const cpu = `CPU a call: runner ${ownMs.toFixed(2)} ms, Redis ${redisMs.toFixed(2)} ms`;
  const note = `decision, journal, chain and ledger; ${cpu}; p99 ${high?.toFixed(2)} ms; on a machine shared with tests`;
  printFigure({ name, unit: "ms", value: median(counted), runs: CALLS, note });
}

function policiesOf(spec: unknown): PolicySet {
  const source = {
    address: "AgentPolicy/default/p",
    kind: "AgentPolicy",
    namespace: "default",
    name: "p",
    spec,
  } as const;
  return compilePolicies([source], "sha256:bench");
}

async function openDurableGate({ redis, env }: World, task: TaskRef, policies: PolicySet) {
  const grant = { task, activation: ACTIVATION, holder: "bench" };
  const sentAtMs = performance.now();
  const claim = await claimActivation(redis, { ...grant, leaseMs: LEASE_MS });
  if (claim.outcome !== "claimed") throw new Error(claim.outcome);
  const { epoch, attempt, head } = claim;
  const renew = () => renewLease(redis, { ...grant, epoch, leaseMs: LEASE_MS });
  const lease = new Lease({ subject: ACTIVATION, leaseMs: LEASE_MS, sentAtMs, renew });
  const recorder = new ActivationJournal({ redis, ...grant, epoch, attempt, lease, head, ledger: claim.task.ledger });
  const gate: Gate = createGate({
    task,
    activation: ACTIVATION,
    subject: { namespace: "default", system: "one", task: task.name, agent: "a" },
    grants: { tools: ["look"], allowedTools: [], roles: [] },
    input: {},
    realPath: () => Promise.resolve(null),
    policies,
    livePolicies: () => Promise.resolve(policies),
    budgets: { look: (claims) => lookAtBudgets(redis, env, claims) },
    recorder,
    carried: new CarriedLabels(),
    toolBox: { find: () => LOOK, close: () => Promise.resolve() },
    redactor: createRedactor([]),
    argumentCheck: createArgumentCheck(),
    clock: { now: () => new Date(), monotonicMs: () => performance.now() },
    newId: randomUUID,
  });
  return { gate, end: () => lease.stop() };
}
