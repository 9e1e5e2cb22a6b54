// `trace <task> --artifact <id>`: a result that was kept whole, as far as the trace says that it is this one.

import { digestText } from "../../contracts/canonical.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { taskId } from "../../contracts/new-task.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { readArtifact, readArtifactPart } from "../../store/artifacts.ts";
import type { Redis } from "../../store/connect.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { findTask } from "../find-task.ts";
import type { CommonFlags, Host } from "../host.ts";
import { openRedis } from "../redis.ts";
import { readVerifiedTrace } from "../verified-trace.ts";

export interface ArtifactOptions extends CommonFlags {
  readonly task: string;
  readonly namespace?: string;
  readonly artifact: string;
}

/** Throws PermanentFailure ARTIFACT_NOT_FOUND or ARTIFACT_CHANGED. */
export async function runTraceArtifact(host: Host, options: ArtifactOptions): Promise<ExitCode> {
  const { redis, close } = await openRedis(host, options);
  try {
    const { namespace, name } = await findTask(redis, options);
    const text = await readWhole(redis, { env: options.env, namespace, name }, options.artifact);
    host.stdout.write(host.stdout.isTTY ? inertText(text) : text);
    return EXIT.ok;
  } finally {
    await close();
  }
}

async function readWhole(redis: Redis, ref: TaskRef, id: string): Promise<string> {
  const { events, verdict } = await readVerifiedTrace(redis, ref);
  const facts = await readArtifact(redis, ref, id);
  const told = events.find((event) => event["artifact"] === id);
  if (facts === undefined || told === undefined) {
    const kept = events.flatMap((event) => (typeof event["artifact"] === "string" ? [`\`${event["artifact"]}\``] : []));
    const others = kept.length === 0 ? "it has none" : `it has ${[...new Set(kept)].join(", ")}`;
    throw new PermanentFailure("ARTIFACT_NOT_FOUND", `task \`${taskId(ref)}\` has no artifact \`${id}\`: ${others}`);
  }
  const text = (await readArtifactPart(redis, ref, facts, 0, facts.bytes)).toString("utf8");
  if (verdict.outcome === "intact" && digestText(text) === told["artifactDigest"]) return text;
  const message = `artifact \`${id}\` of \`${taskId(ref)}\` is not what the trace says was kept; see \`countwheel audit verify\``;
  throw new PermanentFailure("ARTIFACT_CHANGED", message);
}

/** What a tool wrote can hold control characters: none but line ends and tabs reaches a terminal. */
function inertText(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n\t]/gu, " ");
}
