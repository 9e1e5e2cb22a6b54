// Applies for a client of the MCP server: exactly the plan that it saw, or nothing.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OfferedResult, OfferedTool } from "../../runner/offered/offered-tool.ts";
import type { Host } from "../host.ts";
import { pathOutside, resultOf, runCaptured } from "./call-command.ts";
import { type Args, SOURCE_PROPERTIES, said, sourceOperands, sourceOptions } from "./offered-commands.ts";

const DIGEST = { type: "string", pattern: "^sha256:[0-9a-f]{64}$", description: "`digest` of the plan that was shown" };

export function applyTool(host: Host, stateFlags: readonly string[]): OfferedTool {
  return {
    name: "apply",
    description:
      "Carries out the plan with this digest, as `plan` (format json) showed it. Refused where it has changed.",
    inputSchema: {
      type: "object",
      additionalProperties: false,
      required: ["digest"],
      properties: {
        ...SOURCE_PROPERTIES,
        digest: DIGEST,
        confirm_prunes: { type: "integer", minimum: 1, description: "exactly so many records may be pruned" },
      },
    },
    readOnly: false,
    answer: (args, signal) => applyShown({ ...host, signal: AbortSignal.any([host.signal, signal]) }, args, stateFlags),
  };
}

async function applyShown(host: Host, args: Args, stateFlags: readonly string[]): Promise<OfferedResult> {
  const outside = await pathOutside(host.cwd, said(args, "path"));
  if (outside !== undefined) return { text: outside, isError: true };
  const folder = await mkdtemp(join(tmpdir(), "countwheel-mcp-"));
  try {
    return await applySaved(host, args, stateFlags, join(folder, "plan.json"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function applySaved(host: Host, args: Args, stateFlags: readonly string[], file: string): Promise<OfferedResult> {
  const planning = ["plan", "--output=json", `--out=${file}`, ...stateFlags, ...sourceOptions(args)];
  const planned = await runCaptured(host, [...planning, "--", ...sourceOperands(args)]);
  const now = digestIn(planned.stdout);
  if (now === undefined) return { ...resultOf(planned), isError: true };
  if (now !== said(args, "digest")) {
    const text = `STALE_PLAN: what would be applied now is ${now}, and not what was shown; look at \`plan\` again`;
    return { text, isError: true };
  }
  const { confirm_prunes: prunes } = args;
  const confirmed = typeof prunes === "number" ? [`--confirm-prunes=${prunes}`] : [];
  const applied = await runCaptured(host, ["apply", "--output=json", "--yes", ...confirmed, ...stateFlags, "--", file]);
  return { ...resultOf(applied), isError: applied.code !== 0 };
}

function digestIn(text: string): string | undefined {
  try {
    const plan: unknown = JSON.parse(text);
    if (typeof plan !== "object" || plan === null || !("digest" in plan)) return undefined;
    return typeof plan.digest === "string" ? plan.digest : undefined;
  } catch {
    return undefined;
  }
}
