// `export`: an environment's state as one file of JSON lines, for a backup or a move to another Redis.
import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type Exported, exportLines } from "../../reconciler/rebuild/export-lines.ts";
import { readEnvironment } from "../../store/environment-copy.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printFailure, printJson, say } from "../output.ts";
import { readVersion, TOOL_NAME } from "../package-facts.ts";
import { openRedis } from "../redis.ts";

export interface ExportOptions extends CommonFlags {
  /** Default: stdout. */
  readonly file?: string;
  readonly withSecrets: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runExport(host: Host, options: ExportOptions): Promise<ExitCode> {
  const server = await openRedis(host, options);
  try {
    const copy = await readEnvironment(server.redis, options.env);
    if (copy === null) {
      const message = `environment ${options.env} has no state, so there is nothing to export`;
      return printFailure(host, options.output, { code: "NO_STATE", message, exitCode: EXIT.failed, details: {} });
    }
    const tool = { name: TOOL_NAME, version: readVersion() };
    const facts = { env: options.env, exportedAt: host.now().toISOString(), tool, secrets: options.withSecrets };
    const exported = exportLines(copy, facts, host.config.stateKey);
    await write(host, options, exported);
    tell(host, options, exported);
    return EXIT.ok;
  } finally {
    await server.close();
  }
}

async function write(host: Host, { file }: ExportOptions, { lines }: Exported): Promise<void> {
  const text = `${lines.join("\n")}\n`;
  if (file === undefined) return host.stdout.write(text);
  const target = resolve(host.cwd, file);
  const draft = `${target}.${randomUUID()}`;
  try {
    // Only its owner may read it: it may hold secrets, and always prompts.
    await writeFile(draft, text, { mode: 0o600, flag: "wx", flush: true });
    await rename(draft, target);
  } finally {
    await rm(draft, { force: true });
  }
}

function tell(host: Host, { file, env, output }: ExportOptions, { lines, leftOut }: Exported): void {
  if (file !== undefined && output === "json")
    return printJson(host, { formatVersion: "1", env, file, lines: lines.length, leftOut, notIncluded: NOT_INCLUDED });
  for (const { address, archived } of leftOut)
    say(host, `left out: ${address}${archived ? " as it was before" : ""}, because it holds secrets (--with-secrets)`);
  say(host, `Exported ${lines.length} lines of environment ${env}. Not in them: ${NOT_INCLUDED}.`);
  if (file !== undefined) say(host, `Next: countwheel import ${file} --env ${env} --redis …`);
}

const NOT_INCLUDED = "tasks and their traces, work in the queue, what is waiting to be told to GitHub";
