// Rules of Tools and McpServers that no schema can tell: what each way of reaching them needs.
import { fieldsOf, parseArgumentTemplate } from "../../../contracts/argument-template.ts";
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { isolationOf, SANDBOX_NETWORKS } from "../../../contracts/isolation.ts";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import { compilePattern, matchesPattern, toolKey } from "../../../policies/names.ts";
import { nearMatch } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";
import { checkType } from "./tool-type.ts";

export function checkTool(spec: ToolSpec, remarks: Remarks): void {
  checkType(spec, remarks);
  if (spec.type === "cli") checkCli(spec, remarks);
  checkAuth(spec.auth, remarks);
}

function checkCli(spec: ToolSpec, remarks: Remarks): void {
  if (spec.cli === undefined) {
    remarks.complain("", "a `cli` tool needs `cli.command`");
    return;
  }
  for (const [index, template] of (spec.cli.args ?? []).entries()) {
    checkTemplate(spec, template, `/cli/args/${index}`, remarks);
  }
  const { network } = spec.cli;
  if (isolationOf(spec) === "sandboxed" && network !== undefined && !SANDBOX_NETWORKS.includes(network)) {
    remarks.complain("/cli/network", `a sandboxed command has the network ${SANDBOX_NETWORKS.join(" or ")}`);
  }
  if (spec.cli.resources?.memory !== undefined && parseByteSize(spec.cli.resources.memory) === undefined) {
    remarks.complain("/cli/resources/memory", "`memory` is no size", "Write it like `512m` or `1g`.");
  }
  if (spec.cli.image === undefined && spec.runtime?.isolation_mode === undefined) {
    const detail =
      "Orloj asks for `cli.image`, or for `runtime.isolation_mode: none`. Here the command runs on the runner.";
    remarks.remark("/cli", "the command runs without a container", detail);
  }
}

/** A field that the input does not have would be empty in every call, and its argument left out. */
function checkTemplate({ input_schema: schema }: ToolSpec, template: string, pointer: string, remarks: Remarks): void {
  const parsed = parseArgumentTemplate(template);
  if (parsed.outcome === "problem") {
    remarks.complain(pointer, `the template is not understood: ${parsed.problem}`);
    return;
  }
  const properties = schema?.["properties"];
  if (typeof properties !== "object" || properties === null) return;
  for (const field of new Set(fieldsOf(parsed.nodes))) {
    if (Object.hasOwn(properties, field)) continue;
    const near = nearMatch(field, Object.keys(properties));
    const hint = near === undefined ? "It would always be empty." : `Did you mean \`${near}\`?`;
    remarks.remark(pointer, `\`input_schema\` has no property \`${field}\``, hint);
  }
}

/** Half-filled blocks occur in the wild; what matters is that nobody believes that a call is authenticated when it is not. */
function checkAuth(auth: ToolSpec["auth"], remarks: Remarks): void {
  if (auth === undefined || Object.keys(auth).length === 0) return;
  if (auth.secret_ref === undefined)
    remarks.complain("/auth", "`auth` needs `secretRef`", "No credential would be sent.");
  if (auth.profile === "api_key_header" && auth.header_name === undefined) {
    remarks.complain("/auth", "`api_key_header` needs `headerName`");
  }
  if (auth.profile === "oauth2_client_credentials" && auth.token_url === undefined) {
    remarks.complain("/auth", "`oauth2_client_credentials` needs `tokenURL`");
  }
}

export function checkMcpServer(spec: McpServerSpec, remarks: Remarks): void {
  if (spec.transport === "stdio" && spec.command === undefined && spec.image === undefined) {
    remarks.refuse("", "a `stdio` server needs a `command` or an `image`");
  }
  if (spec.transport === "http" && spec.endpoint === undefined)
    remarks.refuse("", "an `http` server needs an `endpoint`");
  if (spec.transport === "http" && spec.image !== undefined) {
    remarks.complain("/image", "`image` is for `stdio` servers and has no effect");
  }
  checkToolFacts(spec, remarks);
  for (const [index, variable] of (spec.env ?? []).entries()) checkVariable(variable, `/env/${index}`, remarks);
  checkAuth(spec.auth, remarks);
}

/** Without a filter nobody knows the server's tools before it runs. */
function checkToolFacts({ tool_facts: facts = {}, tool_filter: filter }: McpServerSpec, remarks: Remarks): void {
  const include = filter?.include ?? [];
  if (include.length === 0) return;
  for (const name of Object.keys(facts)) {
    const pattern = compilePattern(toolKey(name));
    if (include.some((tool) => matchesPattern(pattern, toolKey(tool)))) continue;
    const near = nearMatch(name, include);
    const hint = near === undefined ? "It is about nothing." : `Did you mean \`${near}\`?`;
    remarks.remark(`/tool_facts/${escapePointer(name)}`, `\`tool_filter.include\` has no tool \`${name}\``, hint);
  }
}

type Variable = NonNullable<McpServerSpec["env"]>[number];

function checkVariable(variable: Variable, pointer: string, remarks: Remarks): void {
  if (variable.value !== undefined && variable.secret_ref !== undefined) {
    remarks.complain(
      `${pointer}/value`,
      `\`${variable.name}\` has a value and a secret`,
      "The secret is used; keep one.",
    );
  }
  if (variable.mount_path !== undefined && !variable.mount_path.startsWith("/")) {
    remarks.complain(`${pointer}/mount_path`, "`mountPath` must begin with `/`");
  }
}
