// Where people answer: whole command lines, on an environment with a tool that a rule asks about.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { runWords } from "../../cli/run-words.ts";
import { approvalName } from "../../contracts/approval.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { readApprovals } from "../../store/approvals/read-approvals.ts";
import { agent, manifest, mockModel, system } from "../runner/world.ts";
import { listen, type Told } from "./listen.ts";
import { type TaskWorld, useTaskWorld } from "./task-world.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export type Variables = Readonly<Record<string, string>>;

export interface Waiting {
  readonly ref: TaskRef;
  /** Of the approval that waits. */
  readonly name: string;
}

export interface AskingWorld {
  readonly here: TaskWorld;
  readonly folder: string;
  /** The host of a command whose environment is `variables`, beside the Redis and the environment of the test. */
  readonly host: (variables?: Variables) => Told;
  readonly run: (words: readonly string[], variables?: Variables) => Promise<Ran>;
  /** The text of a new token. */
  readonly token: (name: string, ...more: readonly string[]) => Promise<string>;
  /** A system `one` whose agent pays, and a rule that asks about it on these terms; and a runner. */
  readonly applyAsking: (approval: Readonly<Record<string, unknown>>) => Promise<void>;
  /** A task that `run` made, by whoever has these variables and flags, once it waits. */
  readonly asked: (variables?: Variables, flags?: readonly string[]) => Promise<Waiting>;
  /** Its phase, and who answered. */
  readonly standing: (waiting: Waiting) => Promise<readonly unknown[]>;
}

export function useAskingWorld(): AskingWorld {
  const here = useTaskWorld("paid");
  const folder = mkdtempSync(join(tmpdir(), "cw-asking-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const host = (variables: Variables = {}): Told =>
    listen(folder, { COUNTWHEEL_REDIS_URL: here.server.url, COUNTWHEEL_ENV: here.world.env, ...variables });
  const run: AskingWorld["run"] = async (words, variables) => {
    const told = host(variables);
    const code = await runWords(told.host, words);
    return { code, out: told.out(), err: told.err() };
  };
  return {
    here,
    folder,
    host,
    run,
    async token(name, ...more) {
      const { code, out } = await run(["token", "create", name, ...more]);
      expect(code).toBe(0);
      return out.trim();
    },
    async applyAsking(approval) {
      const rule = { match: { tools: ["pay"] }, effect: "ask", message: "money leaves", approval };
      const script = [
        { turn: 1, call: [{ tool: "pay", arguments: { amount: 7 } }] },
        { turn: 2, say: "done" },
      ];
      await here.world.apply([
        agent("a", { tools: ["pay"] }),
        system("one", ["a"]),
        mockModel("mock", script),
        here.tools.tool("pay", { effect: "write" }),
        manifest("AgentPolicy", "careful", { apply_mode: "global", rules: [rule] }),
      ]);
      await here.world.runner();
    },
    async asked(variables, flags = []) {
      const { code, out, err } = await run(["run", "one", ...flags], variables);
      expect([code, err]).toEqual([0, expect.stringContaining("Next:")]);
      const ref = { env: here.world.env, namespace: "default", name: out.trim() };
      await here.world.until(ref, ({ phase }) => phase === "WaitingApproval");
      const [approval] = await readApprovals(here.world.redis, ref);
      return { ref, name: approvalName(ref.name, approval?.id ?? "") };
    },
    async standing({ ref }) {
      const [approval] = await readApprovals(here.world.redis, ref);
      return [approval?.phase, approval?.word?.by];
    },
  };
}

export const holding = (token: string): Variables => ({ COUNTWHEEL_TOKEN: token });
