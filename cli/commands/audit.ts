// `audit verify [task | file.jsonl]`: checks every hash, link, number and signature, of the traces and the audit log in
// Redis, or of an export without any Redis.
import type { KeyObject } from "node:crypto";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { type ExportVerdict, ExportVerifier } from "../../contracts/audit/verify-export.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { ChainVerdict } from "../../contracts/trace.ts";
import { auditExport } from "../../reconciler/audit/export-lines.ts";
import type { Redis } from "../../store/connect.ts";
import { listTaskRefs } from "../../store/tasks.ts";
import { publicKey } from "../audit-key.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { paintFor, printJson, say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { readLines } from "../read-lines.ts";
import { openRedis } from "../redis.ts";
import { readVerifiedTrace } from "../verified-trace.ts";
import { renderExportVerdict } from "../view/audit.ts";
import { renderVerdict } from "../view/trace.ts";

export interface AuditVerifyOptions extends CommonFlags {
  /** A task, or a file of `audit export`. */
  readonly what?: string;
  readonly namespace?: string;
  readonly publicKey?: string;
  readonly allowUnprotected?: boolean;
}

export async function runAuditVerify(host: Host, options: AuditVerifyOptions): Promise<ExitCode> {
  const { what } = options;
  const key = options.publicKey === undefined ? undefined : publicKey(host, options.publicKey);
  if (what?.endsWith(".jsonl") === true)
    return report(host, options, await verifyLines(readLines(createReadStream(resolve(host.cwd, what))), key));
  const { redis, close } = await openRedis(host, options);
  try {
    if (what !== undefined) return await verifyTask(host, options, { redis, task: what });
    const verdict = await verifyRedis(redis, options.env, host, key);
    const items = await verifyTraces(redis, options.env);
    return report(host, options, { ...verdict, items });
  } finally {
    await close();
  }
}

/** The export that would be made now, held against itself. */
async function verifyRedis(redis: Redis, env: string, host: Host, key: KeyObject | undefined): Promise<ExportVerdict> {
  const tool = { name: TOOL_NAME, version: readVersion() };
  const scope = { task: null, since: null };
  return await verifyLines(auditExport(redis, { env, exportedAt: host.now().toISOString(), tool, scope }), key);
}

/** Each on its own, with the event from which on it cannot be believed. */
async function verifyTraces(redis: Redis, env: string): Promise<(ChainVerdict & { readonly task: string })[]> {
  const items: (ChainVerdict & { readonly task: string })[] = [];
  for (const ref of await listTaskRefs(redis, env)) {
    const { verdict } = await readVerifiedTrace(redis, ref);
    items.push({ task: taskId(ref), ...verdict });
  }
  return items;
}

async function verifyLines(
  lines: AsyncIterable<string | undefined>,
  key: KeyObject | undefined,
): Promise<ExportVerdict> {
  const verifier = new ExportVerifier(key);
  for await (const line of lines) verifier.take(line);
  return verifier.finish();
}

async function verifyTask(
  host: Host,
  options: AuditVerifyOptions,
  { redis, task }: { readonly redis: Redis; readonly task: string },
): Promise<ExitCode> {
  const { env, output } = options;
  const { namespace, name } = await findTask(redis, { ...options, task });
  const ref = { env, namespace, name };
  const { verdict } = await readVerifiedTrace(redis, ref);
  const valid = verdict.outcome === "intact";
  if (output === "json") printJson(host, { formatVersion: "1", valid, items: [{ task: taskId(ref), ...verdict }] });
  else host.stdout.write(`${taskId(ref)}  ${renderVerdict(verdict, paintFor(host.stdout, host.config.color))}\n`);
  return valid ? EXIT.ok : EXIT.failed;
}

function report(
  host: Host,
  { output, publicKey: given }: AuditVerifyOptions,
  verdict: Omit<ExportVerdict, "items"> & { readonly items: readonly unknown[] },
): ExitCode {
  if (output === "json") printJson(host, { formatVersion: "1", ...verdict });
  else host.stdout.write(renderExportVerdict(verdict, paintFor(host.stdout, host.config.color)));
  const { heads } = verdict.signatures;
  if (heads > 0 && given === undefined)
    say(host, "The signatures hold by the keys that the heads name. Whether they are yours: --public-key tells.");
  return verdict.valid ? EXIT.ok : EXIT.failed;
}
