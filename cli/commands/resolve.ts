// `resolve <task>`: a person's word on a write whose result nobody knows. The trace keeps what was said.
import { digestText } from "../../contracts/canonical.ts";
import type { StepRecord } from "../../contracts/step.ts";
import type { TaskRecord, TaskRef } from "../../contracts/task.ts";
import type { TraceDraft } from "../../contracts/trace.ts";
import type { Redis } from "../../store/connect.ts";
import { openQueue } from "../../store/queue.ts";
import { type ResolveRequest, readBegunStep, resolveUnknown } from "../../store/scripts/resolve.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, printJson, say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";
import { type PersonFlags, saidBy } from "../said-by.ts";

export interface ResolveOptions extends CommonFlags, PersonFlags {
  readonly task: string;
  readonly namespace?: string;
  readonly done: boolean;
  readonly result?: string;
  readonly retry: boolean;
  readonly fail: boolean;
}

type Word = "done" | "retry" | "fail";

export async function runResolve(host: Host, options: ResolveOptions): Promise<ExitCode> {
  const word = readWord(options);
  const { redis, close } = await openRedis(host, options);
  try {
    const task = await findTask(redis, options);
    const found = await findUnknown(redis, options.env, task);
    if (found === undefined) return refuse(host, options, task);
    const by = await saidBy(host, redis, options, "approve");
    const saying = { word, result: options.result, by, at: host.now().toISOString() };
    const request = requestOf(found, saying);
    const { outcome } = await tellStore(redis, options.env, request);
    return outcome === "resolved" ? answer(host, options, task, word) : refuse(host, options, task);
  } finally {
    await close();
  }
}

function readWord({ done, retry, fail, result }: ResolveOptions): Word {
  const given: readonly (Word | false)[] = [done && "done", retry && "retry", fail && "fail"];
  const words = given.filter((word) => word !== false);
  const [word] = words;
  if (word === undefined || words.length > 1) throw new UsageFailure("say exactly one of --done, --retry and --fail");
  if (result !== undefined && word !== "done") throw new UsageFailure("`--result` goes with --done");
  return word;
}

interface Unknown {
  readonly ref: TaskRef;
  readonly activation: string;
  readonly agent: string;
  readonly step: StepRecord;
}

async function findUnknown(redis: Redis, env: string, task: TaskRecord): Promise<Unknown | undefined> {
  const ref = { env, namespace: task.namespace, name: task.name };
  const waiting = task.activations.find(({ phase }) => phase === "Unknown");
  if (waiting === undefined) return undefined;
  const step = await readBegunStep(redis, ref, waiting.id);
  return step === undefined ? undefined : { ref, activation: waiting.id, agent: waiting.agent, step };
}

const CONFIRMED = "It was done; a person confirmed it. The tool's own answer is lost.";

interface Saying {
  readonly word: Word;
  readonly result: string | undefined;
  readonly by: string;
  readonly at: string;
}

function requestOf({ ref, activation, agent, step }: Unknown, { word, result, by, at }: Saying): ResolveRequest {
  const said: TraceDraft = {
    type: "approval.decided",
    at,
    activation,
    agent,
    step: step.step,
    data: {
      about: "unknown-effect",
      answer: word,
      by,
      ...(result === undefined ? {} : { resultDigest: digestText(result) }),
    },
  };
  const base = { task: ref, activation };
  switch (word) {
    case "done":
      return {
        ...base,
        step: { ...step, state: "done", tool: { text: result ?? CONFIRMED, isError: false } },
        drafts: [said],
      };
    case "retry":
      return { ...base, step: { ...step, state: "decided" }, drafts: [said] };
    case "fail": {
      const failure = {
        code: "EFFECT_UNKNOWN",
        message: `${by} ended the task: nobody knows whether ${step.step} happened`,
      };
      return { ...base, failure, drafts: [said, { type: "task.failed", at, data: failure }] };
    }
  }
}

async function tellStore(redis: Redis, env: string, request: ResolveRequest): ReturnType<typeof resolveUnknown> {
  const queue = openQueue(redis, env);
  try {
    return await resolveUnknown(redis, queue, request);
  } finally {
    await queue.close();
  }
}

function answer(host: Host, { output }: CommonFlags, { name, namespace }: TaskRecord, word: Word): ExitCode {
  const phase = word === "fail" ? "Failed" : "Running";
  if (output === "json") printJson(host, { name, namespace, resolved: word, phase });
  else host.stdout.write(word === "fail" ? `${name} has failed\n` : `${name} goes on\n`);
  say(host, `Next: countwheel trace ${name}`);
  return EXIT.ok;
}

function refuse(host: Host, { output }: CommonFlags, { name, phase }: TaskRecord): ExitCode {
  const message =
    phase === "WaitingApproval"
      ? `${name} waits for an approval, not for word of a write: countwheel get approvals`
      : `${name} is ${phase} and waits for nobody's word`;
  return printFailure(host, output, { code: "NOT_UNKNOWN", message, details: { phase }, exitCode: EXIT.failed });
}
