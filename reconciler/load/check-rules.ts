// Applies the rules of a manifest's kind. They run on specs that fit their schema, so they may trust its type.
import { specOf } from "../../contracts/kinds.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { spanOfLine } from "./block-text.ts";
import { nearestSpan } from "./check-schema.ts";
import type { DocumentReader } from "./document-reader.ts";
import type { Finding, Span } from "./finding.ts";
import { checkAgent } from "./rules/agent.ts";
import { checkAgentSystem } from "./rules/agent-system.ts";
import { checkMemory } from "./rules/memory.ts";
import { checkModelEndpoint } from "./rules/model-endpoint.ts";
import { checkAgentPolicy, checkToolPermission } from "./rules/policy.ts";
import { checkPolicyTest } from "./rules/policy-test.ts";
import type { Remarks, Rules } from "./rules/remarks.ts";
import { checkSecret, findPlaintextSecrets } from "./rules/secret.ts";
import { checkTask, checkTaskSchedule, checkTaskWebhook } from "./rules/task.ts";
import { checkMcpServer, checkTool } from "./rules/tool.ts";

export function checkRules(reader: DocumentReader, manifest: Manifest, kindSpan: Span): void {
  const remarks = speakThrough(reader, kindSpan);
  const apply = <S>(spec: S | undefined, rules: Rules<S>): void => {
    if (spec !== undefined) rules(spec, remarks);
  };
  apply(specOf(manifest, "Agent"), checkAgent);
  apply(specOf(manifest, "AgentPolicy"), checkAgentPolicy);
  apply(specOf(manifest, "AgentSystem"), checkAgentSystem);
  apply(specOf(manifest, "McpServer"), checkMcpServer);
  apply(specOf(manifest, "Memory"), checkMemory);
  apply(specOf(manifest, "ModelEndpoint"), checkModelEndpoint);
  apply(specOf(manifest, "PolicyTest"), checkPolicyTest);
  apply(specOf(manifest, "Secret"), checkSecret);
  apply(specOf(manifest, "Task"), checkTask);
  apply(specOf(manifest, "TaskSchedule"), checkTaskSchedule);
  apply(specOf(manifest, "TaskWebhook"), checkTaskWebhook);
  apply(specOf(manifest, "Tool"), checkTool);
  apply(specOf(manifest, "ToolPermission"), checkToolPermission);
}

/** Credentials are looked for also where the rest of a manifest is wrong. */
export function checkCredentials(reader: DocumentReader, manifest: Manifest, kindSpan: Span): void {
  for (const { pointer, summary, detail } of findPlaintextSecrets(manifest)) {
    reader.complain("PLAINTEXT_SECRET", nearestSpan(reader, pointer, kindSpan), summary, detail);
  }
}

function speakThrough(reader: DocumentReader, kindSpan: Span): Remarks {
  const say = (severity: Finding["severity"], pointer: string, summary: string, detail = ""): void => {
    const span =
      pointer === "" ? (reader.keySpans.get("/spec") ?? kindSpan) : nearestSpan(reader, `/spec${pointer}`, kindSpan);
    reader.report(severity, "SCHEMA", span, summary, detail);
  };
  return {
    refuse: (pointer, summary, detail) => say("error", pointer, summary, detail),
    complainInText: (pointer, line, summary, detail = "") => {
      const whole = nearestSpan(reader, `/spec${pointer}`, kindSpan);
      const span = line === undefined ? undefined : spanOfLine(reader.source(whole), line);
      const place = span === undefined ? whole : { start: whole.start + span.start, end: whole.start + span.end };
      const told = span === undefined && line !== undefined ? `${summary} (line ${line})` : summary;
      reader.complain("SCHEMA", place, told, detail);
    },
    complain: (pointer, summary, detail) => say(reader.strict ? "error" : "warning", pointer, summary, detail),
    remark: (pointer, summary, detail) => say("warning", pointer, summary, detail),
  };
}
