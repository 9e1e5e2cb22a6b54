// Checks that concern several manifests at once, beyond plain references: graphs, templates, cycles, names of tools.
import { type Graph, readGraph } from "../../contracts/graph.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { Place, Problem, ProblemCode } from "../../contracts/problem.ts";
import { escapePointer } from "../../contracts/sensitive.ts";
import { mcpToolName, plainToolName } from "../../contracts/tool-names.ts";
import { scoped } from "./check-references.ts";
import type { Declaration, Declared } from "./declared.ts";
import { quote } from "./finding.ts";
import { nearMatch } from "./near-match.ts";

export function checkGraph(declaration: Declaration): Problem[] {
  const spec = specOf(declaration.manifest, "AgentSystem");
  if (spec === undefined) return [];
  const agents = spec.agents ?? [];
  const named = Object.entries(spec.graph ?? {}).flatMap(([agent, node]) => {
    const pointer = `/spec/graph/${escapePointer(agent)}`;
    const edges = (node.edges ?? []).map(({ to }, index) => [`${pointer}/edges/${index}/to`, to] as const);
    return [
      [pointer, agent] as const,
      ...(node.next === undefined ? [] : [[`${pointer}/next`, node.next] as const]),
      ...edges,
    ];
  });
  return named
    .filter(([, agent]) => !agents.includes(agent))
    .map(([pointer, agent]) => {
      const near = nearMatch(agent, agents);
      const related = near === undefined ? undefined : declaration.locate(`/spec/agents/${agents.indexOf(near)}`);
      const hint =
        near === undefined || related === undefined
          ? "Add it to `agents`."
          : `Did you mean \`${near}\`, listed at ${at(related)}?`;
      const summary = `the graph of AgentSystem ${quote(declaration.manifest.metadata.name)} names ${quote(agent)}, which is not one of its agents`;
      return problem("error", "DANGLING_REFERENCE", declaration, pointer, summary, hint, related);
    });
}

/** What makes tasks from a Task needs a template: from a run-mode Task a task is made once, at apply. */
export function checkTemplate(declaration: Declaration, declared: Declared): Problem[] {
  const { manifest } = declaration;
  const ref = (specOf(manifest, "TaskSchedule") ?? specOf(manifest, "TaskWebhook"))?.task_ref;
  if (ref === undefined) return [];
  const { namespace, name } = scoped(ref, manifest.metadata.namespace);
  const task = declared.read("Task", namespace, name);
  if (task === undefined || specOf(task.manifest, "Task")?.mode === "template") return [];
  const related = task.locate("/spec/mode");
  const summary = `${manifest.kind} ${quote(manifest.metadata.name)} uses Task ${quote(ref)}, which is no template`;
  const hint = `Write \`mode: template\` in it, at ${at(related)}.`;
  return [problem(bySet(declaration), "SCHEMA", declaration, "/spec/task_ref", summary, hint, related)];
}

/** Only `max_turns` ends a cycle for sure; conditions that depend on what a model says may hold for ever. */
export function checkCycle(declaration: Declaration, declared: Declared): Problem[] {
  const task = specOf(declaration.manifest, "Task");
  if (task?.system === undefined || task.max_turns !== undefined) return [];
  const { namespace, name } = scoped(task.system, declaration.manifest.metadata.namespace);
  const system = declared.read("AgentSystem", namespace, name);
  const spec = system === undefined ? undefined : specOf(system.manifest, "AgentSystem");
  if (system === undefined || !system.valid || spec === undefined) return [];
  const agent = findCycle(readGraph(spec));
  if (agent === undefined) return [];
  const related = system.locate(`/spec/graph/${escapePointer(agent)}`);
  const summary = `Task ${quote(declaration.manifest.metadata.name)} has no \`max_turns\`, and its system has a cycle through ${quote(agent)}`;
  const hint = `The cycle stands at ${at(related)}. Set \`max_turns\`: nothing else ends it for sure.`;
  return [problem(bySet(declaration), "CYCLE", declaration, "/spec/system", summary, hint, related)];
}

/** An agent on a cycle, the first in list order: agents that nothing leads to are taken away until none is left. */
function findCycle({ agents, edges }: Graph): string | undefined {
  let left = [...agents];
  for (;;) {
    const entered = new Set(edges.filter(({ from }) => left.includes(from)).map(({ to }) => to));
    const kept = left.filter((agent) => entered.has(agent));
    if (kept.length === left.length) return left[0];
    left = kept;
  }
}

interface NamedTool {
  readonly owner: Declaration;
  readonly pointer: string;
  readonly title: string;
}

/** Two servers, or two tools of one, whose tools get one name. What servers offer beyond their filters shows at discovery. */
export function checkToolNames(declarations: readonly Declaration[]): Problem[] {
  const seen = new Map<string, NamedTool>();
  return declarations.flatMap(namedTools).flatMap(([name, tool]) => {
    const first = seen.get(name);
    if (first === undefined) {
      seen.set(name, tool);
      return [];
    }
    const related = first.owner.locate(first.pointer);
    const summary = `${tool.title} and ${first.title} come to one name`;
    const hint = `The other one stands at ${at(related)}. In names of tools \`_\` and \`.\` count as \`-\`, and case does not.`;
    return [problem("error", "DUPLICATE_TOOL_NAME", tool.owner, tool.pointer, summary, hint, related)];
  });
}

function namedTools(owner: Declaration): (readonly [string, NamedTool])[] {
  const { kind, metadata } = owner.manifest;
  const key = (name: string): string => `${metadata.namespace}/${plainToolName(name)}`;
  const tool = specOf(owner.manifest, "Tool");
  if (tool !== undefined && metadata.name.includes("--") && tool.mcp_server_ref === undefined) {
    return [[key(metadata.name), { owner, pointer: "/metadata/name", title: `Tool ${quote(metadata.name)}` }]];
  }
  if (kind !== "McpServer") return [];
  const include = specOf(owner.manifest, "McpServer")?.tool_filter?.include ?? [];
  const server = { owner, pointer: "/metadata/name", title: `McpServer ${quote(metadata.name)}` };
  const tools = include.map((name, index) => {
    const title = `tool ${quote(name)} of McpServer ${quote(metadata.name)}`;
    return [
      key(mcpToolName(metadata.name, name)),
      { owner, pointer: `/spec/tool_filter/include/${index}`, title },
    ] as const;
  });
  return [[`server ${key(metadata.name)}`, server], ...tools];
}

function bySet(declaration: Declaration): "error" | "warning" {
  return declaration.manifest.apiVersion === "countwheel.dev/v1" ? "error" : "warning";
}

function at(place: Place): string {
  return `${place.file}:${place.line}:${place.column}`;
}

function problem(
  severity: Problem["severity"],
  code: ProblemCode,
  { manifest, locate }: Declaration,
  pointer: string,
  summary: string,
  detail: string,
  related: Place | undefined,
): Problem {
  const address = `${manifest.kind}/${manifest.metadata.namespace}/${manifest.metadata.name}`;
  return {
    severity,
    code,
    summary,
    detail,
    address,
    ...locate(pointer),
    ...(related === undefined ? {} : { related }),
  };
}
