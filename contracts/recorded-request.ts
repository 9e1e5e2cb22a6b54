// What a decision was made from, as the trace keeps it: enough to make it again, and nothing that stands elsewhere. The
// event names point, agent, tool or model; the call's own event has the arguments; the task has the input, its trace what
// was called before, and its snapshot what manifests grant the agent and say of the tool's data and of what a model needs.
import type { GateRequest, ToolFacts } from "../policies/request.ts";

/** Characters of one recorded request, as JSON. What is larger is left out, and a replay cannot tell. */
const RECORDED_REQUEST_LIMIT = 4_096;

export type RecordedRequest = Readonly<Record<string, unknown>>;

const ELSEWHERE: readonly string[] = [
  "point",
  "subject",
  "model",
  "provider",
  "reserveTokens",
  "arguments",
  "grants",
  "input",
  "history",
  "uses",
];

/** Before it is redacted. Fields that this version does not know are kept: a request has all that was decided from. */
export function recordRequest(request: GateRequest): RecordedRequest {
  const { system, task } = request.subject;
  const kept: Record<string, unknown> = { system, task };
  for (const [name, value] of Object.entries(request)) if (!ELSEWHERE.includes(name)) kept[name] = value;
  const tool = toolOf(request);
  if (tool !== undefined) kept["tool"] = tool;
  const length = JSON.stringify(kept).length;
  return length <= RECORDED_REQUEST_LIMIT ? kept : { cut: `${length} characters` };
}

/** undefined: nothing of it stands elsewhere. */
function toolOf(request: GateRequest): Omit<ToolFacts, "data"> | undefined {
  if (request.point !== "before_tool" || request.tool.data === undefined) return undefined;
  const { data: _, ...tool } = request.tool;
  return tool;
}
