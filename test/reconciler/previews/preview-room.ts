// A repository with pull requests, a GitHub, a reconciler that reports, and a runner that works in previews.
import { randomUUID } from "node:crypto";
import { defaultSettings } from "../../../contracts/environment.ts";
import type { PreviewSettings } from "../../../contracts/preview-settings.ts";
import type { Hands } from "../../../reconciler/report/commands/carry-out.ts";
import { type Reporting, type ReportingOptions, startReporting } from "../../../reconciler/report/start-reporting.ts";
import { type PreviewRunners, startPreviewRunners } from "../../../runner/previews.ts";
import type { Redis } from "../../../store/connect.ts";
import type { TestFiles } from "../../git.ts";
import type { CheckRun } from "../../github/state.ts";
import { runnerOptions } from "../../runner/world.ts";
import { openPullRoom, type PullRoom } from "../report/pull-room.ts";

export interface PreviewRoom extends PullRoom {
  /** What the names of its previews begin with: tests share a Redis. */
  readonly prefix: string;
  reporting(): Reporting;
  reportingOptions(): ReportingOptions;
  runner(): PreviewRunners;
  /** Of this head, the newest last. */
  checks(head: string): CheckRun[];
  /** The newest check of this head, once it has this conclusion; null: once it is there and open. */
  concluded(head: string, conclusion: string | null): Promise<CheckRun>;
  /** Names of all keys of the preview of this pull request. */
  keys(number: number): Promise<string[]>;
}

/** Tests do not want to wait for it. */
const ROUND_MS = 50;

const HANDS: Hands = {
  lookAgain: () => undefined,
  identityOf: ({ login }) => ({ kind: "github", name: login }),
  answerApproval: async () => ({ outcome: "refused", message: "none here" }),
  rollBack: async () => ({ outcome: "refused", message: "none here" }),
};

export async function openPreviewRoom(
  redis: Redis,
  url: string,
  files: TestFiles,
  previews: Partial<PreviewSettings> = {},
): Promise<PreviewRoom> {
  const room = await openPullRoom(redis, files);
  const prefix = `${room.env}-pr-`;
  const settings = defaultSettings(room.env);
  const own = { ...settings, previews: { ...settings.previews, prefix, ...previews } };
  const runners: PreviewRunners[] = [];
  const name = `countwheel / preview (${room.env})`;
  const checks = (head: string): CheckRun[] =>
    room.github.state.checkRuns.filter((run) => run.headSha === head && run.name === name);
  const reportingOptions = (): ReportingOptions =>
    room.options({ settings: own, hands: HANDS, previewRoundMs: ROUND_MS });
  return {
    ...room,
    prefix,
    checks,
    reportingOptions,
    reporting: () => startReporting(reportingOptions()),
    runner: () => {
      const options = runnerOptions(url, room.env, `r-${randomUUID().slice(0, 8)}`);
      const runner = startPreviewRunners({ ...options, say: (line) => void room.said.push(line) }, ROUND_MS);
      runners.push(runner);
      return runner;
    },
    async concluded(head, conclusion) {
      const status = conclusion === null ? "in_progress" : "completed";
      const isSo = (): boolean => {
        const last = checks(head).at(-1);
        return last?.status === status && last.conclusion === conclusion;
      };
      await room.until(`${conclusion ?? "an open check"} on ${head.slice(0, 7)}`, isSo).catch((error: unknown) => {
        throw new Error(`${String(error)}; it is ${JSON.stringify(checks(head), null, 1)}`);
      });
      return checks(head).at(-1) as CheckRun;
    },
    keys: async (number) => {
      const all = await redis.keys(`cw:{?:${prefix}${number}*`);
      return all.filter((key) => new RegExp(`:${prefix}${number}[/}]`).test(key)).toSorted();
    },
    async close() {
      room.stop.abort();
      await Promise.all(runners.map((runner) => runner.drain(0)));
      await room.close();
    },
  };
}
