// What manifests say of the calls of one tool: its retries, and what becomes of a write of which nobody knows. Pure.
import { parseDuration } from "../../contracts/duration.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import type { Jitter } from "../../contracts/task-rules.ts";
import type { ToolRules } from "../agent/desk.ts";
import { type Entries, type FoundTool, findServer, findTool, serversFor } from "./find-manifest.ts";

const MAX_BACKOFF_MS = 30_000;

/** A Tool's own words go before those of the server that offers it. */
export function toolRules(entries: Entries, namespace: string, name: string): Omit<ToolRules, "effect"> {
  const manifest = findTool(entries, namespace, name);
  const spec: Partial<ToolSpec> = manifest?.spec ?? {};
  const reference = spec.mcp_server_ref;
  const server =
    manifest === undefined
      ? serversFor(entries, namespace, name)[0]
      : reference === undefined
        ? undefined
        : findServer(entries, manifest.namespace, reference);
  const retry = spec.runtime?.retry ?? server?.spec.default_tool_runtime?.retry ?? {};
  return {
    retry: {
      maxAttempts: retry.max_attempts ?? 1,
      backoffMs: parseDuration(retry.backoff ?? "") ?? 0,
      maxBackoffMs: parseDuration(retry.max_backoff ?? "") ?? MAX_BACKOFF_MS,
      jitter: readJitter(retry.jitter),
    },
    onUnknown: spec.on_unknown ?? "stop",
    verify: manifest === undefined ? undefined : verifyName(manifest, namespace),
  };
}

/** A Tool names another one of its own namespace; an agent elsewhere has to qualify it. */
function verifyName({ namespace: own, spec: { verify } }: FoundTool, namespace: string): string | undefined {
  return verify === undefined || verify.includes("/") || own === namespace ? verify : `${own}/${verify}`;
}

function readJitter(text: string | undefined): Jitter {
  return text === "full" || text === "equal" ? text : "none";
}
