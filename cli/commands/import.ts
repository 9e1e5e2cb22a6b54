// `import`: puts an export back, into an environment that has nothing yet.
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type ImportOutcome, importEnvironment } from "../../reconciler/rebuild/import-environment.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { localIdentity } from "../identity.ts";
import { lineageMemory } from "../lineages.ts";
import { printFailure, printJson, say } from "../output.ts";
import { openRedis } from "../redis.ts";

export interface ImportOptions extends CommonFlags {
  readonly file: string;
  /** A file without a seal is believed, although a state key is set. */
  readonly acceptUnsealed: boolean;
  readonly allowUnprotected?: boolean;
}

export async function runImport(host: Host, options: ImportOptions): Promise<ExitCode> {
  const text = await readExport(host, options.file);
  const server = await openRedis(host, options);
  const { env, acceptUnsealed } = options;
  try {
    const lineages = lineageMemory(host, server.server, env);
    const holder = `${hostname()}/${process.pid}/import`;
    return print(
      host,
      options,
      await importEnvironment({ redis: server.redis, env, holder, lineages, by: localIdentity() }, text, {
        acceptUnsealed,
      }),
    );
  } finally {
    await server.close();
  }
}

async function readExport({ cwd }: Host, file: string): Promise<string> {
  try {
    return await readFile(resolve(cwd, file), "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new PermanentFailure("FILE_UNREADABLE", `${file} cannot be read (${String(error.code)})`, { cause: error });
  }
}

function print(host: Host, options: ImportOptions, outcome: ImportOutcome): ExitCode {
  const fail = (code: string, message: string, exitCode: ExitCode): ExitCode =>
    printFailure(host, options.output, { code, message, exitCode, details: {} });
  switch (outcome.outcome) {
    case "imported":
      printImported(host, options, outcome);
      return EXIT.ok;
    case "refused": {
      const place = outcome.line === null ? options.file : `${options.file}:${outcome.line}`;
      return fail("EXPORT_CORRUPT", `${place} cannot be believed: ${outcome.why}; nothing was changed`, EXIT.failed);
    }
    case "not-empty": {
      const message = `environment ${options.env} is not empty, and an import replaces nothing; name another one with --env`;
      return fail("STATE_EXISTS", message, EXIT.blocked);
    }
    case "locked":
      return fail("STATE_LOCKED", `${outcome.holder} is writing; try again`, EXIT.failed);
    case "lock-lost":
      return fail("LEASE_LOST", "the writer's lock was lost; nothing was changed", EXIT.stale);
  }
}

type Imported = Extract<ImportOutcome, { readonly outcome: "imported" }>;

function printImported(
  host: Host,
  { env, output }: ImportOptions,
  { from, exportedAt, copy, leftOut }: Imported,
): void {
  const { head, records, applies, ordered, holds } = copy;
  const orderedKeys = ordered.map(([key]) => key);
  if (output === "json") {
    const { serial, lineage, commit } = head;
    const counts = { records: records.length, applies: applies.length };
    printJson(host, {
      formatVersion: "1",
      env,
      from,
      exportedAt,
      serial,
      lineage,
      commit,
      ...counts,
      leftOut,
      ordered: orderedKeys,
    });
    return;
  }
  const what = `${records.length} records and ${applies.length} applies of environment ${from}, serial ${head.serial}`;
  host.stdout.write(`Imported ${what}, as they were at ${exportedAt}.\n`);
  for (const { address } of leftOut.filter(({ archived }) => !archived))
    say(host, `missing: ${address} was left out of the export; the next apply creates it`);
  for (const key of orderedKeys)
    say(host, `ordered: the task of ${key} was not made when this was exported; the next look makes it`);
  if (holds.length > 0) say(host, `held: ${holds.map(([name]) => name).join(", ")}; see countwheel history, or resume`);
  say(host, `Next: countwheel plan --env ${env}`);
}
