// `get runners`: who announces itself in the environment now, with what it has and how much of it is taken.
import { renderDuration } from "../../contracts/duration.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import type { Redis } from "../../store/connect.ts";
import { listRunners, type RunnerInfo } from "../../store/runners.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printList, say } from "../output.ts";
import { openRedis } from "../redis.ts";
import { renderAge, renderTable } from "../view/table.ts";
import { watchRows } from "../watch-rows.ts";

export interface GetRunnersOptions extends CommonFlags {
  readonly name?: string;
  readonly watch: boolean;
}

export function isRunners(kind: string): boolean {
  return ["runner", "runners"].includes(kind.trim().toLowerCase());
}

/** They are no manifests: what they are is what they announce. */
export async function runGetRunners(host: Host, options: GetRunnersOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    if (options.watch) {
      return await watchRows(host, async () => runnerRows(await readRunners(redis, options), host.now()));
    }
    print(host, options, await readRunners(redis, options));
    return EXIT.ok;
  } finally {
    await close();
  }
}

async function readRunners(redis: Redis, { env, name }: GetRunnersOptions): Promise<RunnerInfo[]> {
  const runners = await listRunners(redis, env);
  return name === undefined ? runners : runners.filter(({ id }) => id === name);
}

function print(host: Host, { output }: GetRunnersOptions, runners: readonly RunnerInfo[]): void {
  switch (output) {
    case "json":
      return printList(host, runners);
    case "jsonl":
      for (const runner of runners) host.stdout.write(`${JSON.stringify(runner)}\n`);
      return;
    case "name":
      for (const { id } of runners) host.stdout.write(`runner/${id}\n`);
      return;
    case "yaml":
      host.stdout.write(renderYaml({ formatVersion: "1", items: runners }));
      return;
    case "text":
    case "wide":
    case "markdown": {
      if (runners.length === 0) return say(host, "No runner is at work. Next: countwheel runner");
      const [header = [], ...rows] = runnerRows(runners, host.now());
      host.stdout.write(renderTable(header, rows));
    }
  }
}

/** The header first. */
function runnerRows(runners: readonly RunnerInfo[], now: Date): string[][] {
  const header = ["NAME", "REGION", "GPU", "MODELS", "RUNNING", "LEASE", "AGE"];
  const rows = runners.map(({ id, region, gpu, models, running, concurrency, leaseMs, startedAt }) => [
    id,
    region ?? "-",
    gpu ? "yes" : "no",
    models.length === 0 ? "all" : models.join(","),
    `${running} of ${concurrency}`,
    renderDuration(leaseMs),
    renderAge(startedAt, now),
  ]);
  return [header, ...rows];
}
