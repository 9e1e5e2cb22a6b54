// `artifact.read`: a page of a result that is kept whole. A tool like any other; only the gate calls it.
import { ARTIFACT_TOOL } from "../../contracts/artifact-tool.ts";
import type { ToolResult } from "../../contracts/step.ts";
import type { TaskRef } from "../../contracts/task.ts";
import { type ArtifactFacts, readArtifact, readArtifactPart } from "../../store/artifacts.ts";
import type { Redis } from "../../store/connect.ts";
import { CUT } from "../bound-text.ts";
import { labelled } from "../gate/carried.ts";
import type { ToolDefinition } from "../models/model.ts";
import type { Tool } from "../tools/tool.ts";
import { definitionDigest } from "../tools/tool-facts.ts";
import { ARTIFACT_LIMITS } from "./limits.ts";

const DEFINITION: ToolDefinition = {
  name: ARTIFACT_TOOL,
  description:
    "Reads a part of a tool's result that was too long to be shown whole. The note at the end of such a result says the id.",
  inputSchema: {
    type: "object",
    properties: {
      id: { type: "string", description: "As the note says it." },
      offset: { type: "integer", minimum: 0, default: 0, description: "The first byte to read." },
      limit: {
        type: "integer",
        minimum: ARTIFACT_LIMITS.minPageBytes,
        maximum: ARTIFACT_LIMITS.maxPageBytes,
        default: ARTIFACT_LIMITS.pageBytes,
        description: "Bytes at most.",
      },
    },
    required: ["id"],
    additionalProperties: false,
  },
};
const DIGEST = definitionDigest(DEFINITION, {});

/** What comes of it has the labels of the result that it is a part of. */
export function artifactTool(redis: Redis, task: TaskRef): Tool {
  return {
    definition: DEFINITION,
    definitionDigest: DIGEST,
    effect: "read",
    capabilities: [],
    operationClasses: ["read"],
    timeoutMs: ARTIFACT_LIMITS.timeoutMs,
    call: async (args, { checkLease }) => {
      checkLease();
      const id = typeof args["id"] === "string" ? args["id"] : "";
      const facts = await readArtifact(redis, task, id);
      if (facts === undefined) return { text: `This task has no artifact \`${id}\`.`, isError: true };
      const from = numberOf(args["offset"], 0);
      const bytes = await readArtifactPart(
        redis,
        task,
        facts,
        from,
        numberOf(args["limit"], ARTIFACT_LIMITS.pageBytes),
      );
      return page(facts, from, bytes);
    },
  };
}

/** The gate has checked the arguments against the schema: what is no number is absent. */
function numberOf(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** Begins and ends between characters: a byte 10xxxxxx continues one, and belongs to the page that its first byte is on. */
function page({ id, bytes: total, labels }: ArtifactFacts, offset: number, bytes: Buffer): ToolResult {
  if (offset >= total) return { text: `[artifact ${id}: it ends at ${total}]`, isError: false, ...labelled(labels) };
  const first = offset + continued(bytes);
  const end = offset + bytes.length;
  const last = end < total ? offset + wholeLength(bytes) : end;
  const text = bytes.subarray(first - offset, last - offset).toString("utf8");
  const more = last < total ? `; go on at offset ${last}` : "; that is the end";
  const head = `[artifact ${id}: bytes ${first} to ${last} of ${total}${more}]`;
  return {
    text: `${head}\n${first > 0 ? CUT : ""}${text}${last < total ? CUT : ""}`,
    isError: false,
    ...labelled(labels),
  };
}

function continued(bytes: Buffer): number {
  let count = 0;
  while (count < bytes.length && ((bytes[count] ?? 0) & 0xc0) === 0x80) count += 1;
  return count;
}

/** Without the beginning of a character whose rest is on the next page. */
function wholeLength(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start -= 1;
  const lead = bytes[start] ?? 0;
  const needed = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  return start + needed <= bytes.length ? bytes.length : start;
}
