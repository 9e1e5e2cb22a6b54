// `history`: the applies of an environment, newest first; `history show N`: one of them with every record.
import { readFacts } from "../../reconciler/history/read-facts.ts";
import { readApply, readHistory } from "../../store/history.ts";
import { envWords } from "../env-words.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printFailure, printJson, printList, say, UsageFailure } from "../output.ts";
import { type OpenRedis, openRedis } from "../redis.ts";
import { renderApply, renderHistory } from "../view/history.ts";

export interface HistoryOptions extends CommonFlags {
  readonly limit: number;
  /** `show`, with `serial`. */
  readonly action?: string;
  readonly serial?: string;
  readonly allowUnprotected?: boolean;
}

export async function runHistory(host: Host, options: HistoryOptions): Promise<ExitCode> {
  const serial = options.action === undefined ? undefined : shownSerial(options.serial);
  const server = await openRedis(host, options);
  try {
    return serial === undefined ? await list(host, options, server) : await show(host, options, server, serial);
  } finally {
    await server.close();
  }
}

function shownSerial(word: string | undefined): number {
  if (word !== undefined && /^#?\d{1,15}$/.test(word)) return Number(word.replace("#", ""));
  throw new UsageFailure("which apply? Give its number, as in: countwheel history show 3");
}

async function list(host: Host, options: HistoryOptions, { redis }: OpenRedis): Promise<ExitCode> {
  const entries = await readHistory(redis, options.env, options.limit);
  const applies = entries.map((entry) => ({ entry, facts: readFacts(entry) }));
  if (options.output === "json") printList(host, entries);
  else host.stdout.write(renderHistory(applies, host.now()));
  if (entries.length === 0) say(host, "Nothing was applied yet. Next: countwheel plan");
  return EXIT.ok;
}

async function show(host: Host, options: HistoryOptions, { redis }: OpenRedis, serial: number): Promise<ExitCode> {
  const { env, output } = options;
  const entry = await readApply(redis, env, serial);
  if (entry === undefined) {
    const message = `environment ${env} has no apply #${serial} in its history: countwheel history`;
    return printFailure(host, output, { code: "APPLY_NOT_FOUND", message, exitCode: EXIT.failed, details: { serial } });
  }
  if (output === "json") printJson(host, { formatVersion: "1", env, ...entry });
  else {
    const paint = paintFor(host.stdout, host.config.color);
    host.stdout.write(renderApply({ entry, facts: readFacts(entry) }, { env, now: host.now(), paint }));
  }
  say(host, `Next: countwheel rollback --to ${serial}${envWords(env)}`);
  return EXIT.ok;
}
