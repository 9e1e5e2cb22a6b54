// `audit export`: traces, applies and the audit log as JSON lines, for a verification without this Redis.
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { taskId } from "../../contracts/new-task.ts";
import { auditExport } from "../../reconciler/audit/export-lines.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { openRedis } from "../redis.ts";

export interface AuditExportOptions extends CommonFlags {
  /** Default: stdout. */
  readonly file?: string;
  /** Milliseconds ago. */
  readonly since?: number;
  readonly task?: string;
  readonly namespace?: string;
  readonly allowUnprotected?: boolean;
}

export async function runAuditExport(host: Host, options: AuditExportOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const { env, since } = options;
    const now = host.now();
    const task = options.task === undefined ? null : taskId(await findTask(redis, { ...options, task: options.task }));
    const from = since === undefined ? null : new Date(now.getTime() - since).toISOString();
    const tool = { name: TOOL_NAME, version: readVersion() };
    const request = { env, exportedAt: now.toISOString(), tool, scope: { task, since: from } };
    const count = await write(host, options.file, auditExport(redis, request));
    say(host, `Exported ${count} lines of environment ${env}.`);
    if (options.file !== undefined) say(host, `Next: countwheel audit verify ${options.file} --public-key …`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

async function write(host: Host, file: string | undefined, lines: AsyncIterable<string>): Promise<number> {
  let count = 0;
  if (file === undefined) {
    for await (const line of lines) {
      host.stdout.write(`${line}\n`);
      count += 1;
    }
    return count;
  }
  const target = resolve(host.cwd, file);
  const draft = `${target}.${randomUUID()}`;
  // Only its owner may read it: it holds what agents were asked and what they answered.
  const handle = await open(draft, "wx", 0o600);
  try {
    for await (const line of lines) {
      await handle.write(`${line}\n`);
      count += 1;
    }
    await handle.sync();
    await handle.close();
    await rename(draft, target);
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
  return count;
}
