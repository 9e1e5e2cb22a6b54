// `audit prune --before`: forgets the oldest entries of the audit log, up to a signed head that stands for them.
import type { AuditEntry } from "../../contracts/audit/entry.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { pruneAudit, readAuditLog } from "../../store/audit-log.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface AuditPruneOptions extends CommonFlags {
  /** Milliseconds ago: nothing younger goes. */
  readonly before: number;
  readonly yes: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runAuditPrune(host: Host, options: AuditPruneOptions): Promise<ExitCode> {
  if (!options.yes) throw new UsageFailure("audit prune forgets entries for good: export them first, then say --yes");
  const { redis, close } = await openRedis(host, options);
  try {
    const before = new Date(host.now().getTime() - options.before).toISOString();
    const found = await findHead(redis, options.env, before);
    if (found === undefined)
      throw new PermanentFailure(
        "NO_SIGNED_HEAD",
        `no signed head is older than ${before}, so nothing can be forgotten`,
      );
    await pruneAudit(redis, options.env, found.head.number, found.forgotten);
    const entries = found.count;
    if (options.output === "json")
      printJson(host, { formatVersion: "1", forgotten: entries, first: found.head.number });
    else host.stdout.write(`${entries} entries are forgotten; the log begins with signed head ${found.head.number}.\n`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

interface Found {
  readonly head: AuditEntry;
  /** Entries before it. */
  readonly count: number;
  /** Names in the index that nothing asks for any more; those of applies stay, so that none is told again. */
  readonly forgotten: readonly string[];
}

/** The last signed head that is old enough. */
async function findHead(redis: Redis, env: string, before: string): Promise<Found | undefined> {
  let found: Found | undefined;
  let count = 0;
  const forgotten: string[] = [];
  for await (const entry of readAuditLog(redis, env)) {
    if (entry.at >= before) break;
    if (entry.kind === "head.signed") found = { head: entry, count, forgotten: [...forgotten] };
    count += 1;
    // The end of a task that is still kept would be told again when it is dropped: at most once more, and truly.
    if (entry.kind === "task.dropped")
      forgotten.push(`ended ${String(entry["head"])}`, `dropped ${String(entry["head"])}`);
  }
  return found;
}
