// Rules of Tools and McpServers that no schema can tell: what each way of reaching them needs.
import { SANDBOX_NETWORKS, type ServerIsolation, serverIsolationOf } from "../../../contracts/isolation.ts";
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { isMountPath } from "../../../contracts/mount-path.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import { fetchesToken } from "../../../contracts/token-profiles.ts";
import { compilePattern, matchesPattern, toolKey } from "../../../policies/names.ts";
import { nearMatch } from "../near-match.ts";
import { checkCli, checkImage, checkVariable } from "./cli-tool.ts";
import type { Remarks } from "./remarks.ts";
import { checkType } from "./tool-type.ts";

export function checkTool(spec: ToolSpec, remarks: Remarks): void {
  checkType(spec, remarks);
  if (spec.type === "cli") checkCli(spec, remarks);
  checkAuth(spec.auth, remarks);
}

/** Half-filled blocks occur in the wild; what matters is that nobody believes that a call is authenticated when it is not. */
function checkAuth(auth: McpServerSpec["auth"], remarks: Remarks): void {
  if (auth === undefined || Object.keys(auth).length === 0) return;
  if (auth.secret_ref === undefined)
    remarks.complain("/auth", "`auth` needs `secretRef`", "No credential would be sent.");
  if (auth.profile === "api_key_header" && auth.header_name === undefined) {
    remarks.complain("/auth", "`api_key_header` needs `headerName`");
  }
  if (fetchesToken(auth.profile) && auth.token_url === undefined) {
    remarks.complain("/auth", `\`${auth.profile}\` needs \`tokenURL\``);
  }
  for (const [field, profile] of OF_ONE_PROFILE) {
    if (auth[field] === undefined || auth.profile === profile) continue;
    remarks.complain(`/auth/${field}`, `\`${field}\` is for \`${profile}\` and has no effect`);
  }
}

const OF_ONE_PROFILE = [
  ["audience", "private_key_jwt"],
  ["issuer", "oauth2_authorization_code"],
  ["client_id", "oauth2_authorization_code"],
] as const;

export function checkMcpServer(spec: McpServerSpec, remarks: Remarks): void {
  if (spec.transport === "stdio" && spec.command === undefined && spec.image === undefined) {
    remarks.refuse("", "a `stdio` server needs a `command` or an `image`");
  }
  if (spec.transport === "http" && spec.endpoint === undefined)
    remarks.refuse("", "an `http` server needs an `endpoint`");
  if (spec.transport === "http" && spec.image !== undefined) {
    remarks.complain("/image", "`image` is for `stdio` servers and has no effect");
  }
  if (spec.transport === "stdio") checkLaunch(spec, remarks);
  checkToolFacts(spec, remarks);
  for (const [index, variable] of (spec.env ?? []).entries()) checkValue(variable, `/env/${index}`, remarks);
  checkAuth(spec.auth, remarks);
  if (spec.transport !== "http" && spec.auth?.profile === "oauth2_authorization_code")
    remarks.complain("/auth/profile", "a person can log in at an `http` server only");
}

function checkLaunch(spec: McpServerSpec, remarks: Remarks): void {
  const isolation = serverIsolationOf(spec);
  const { network } = spec;
  if (isolation === "unknown") {
    const how = spec.image === undefined ? "`none` and `sandboxed`, or an `image`" : "`container` for an `image`";
    remarks.complain("/default_tool_runtime/isolation_mode", "no runner has it for MCP servers", `There are ${how}.`);
  }
  if (isolation === "container") checkContainer(spec, remarks);
  else if (spec.image_pull_secret !== undefined)
    remarks.complain("/image_pull_secret", "`image_pull_secret` has no effect without an `image`");
  if (isolation === "none" && network !== undefined && network !== "host")
    remarks.complain("/network", "a server without a sandbox or an image has the runner's network");
  if (isolation === "sandboxed" && network === "bridge")
    remarks.complain("/network", `a sandbox has the network ${SANDBOX_NETWORKS.join(" or ")}`);
  for (const [index, { mount_path: path }] of (spec.env ?? []).entries()) {
    if (path !== undefined) checkMount(path, isolation, `/env/${index}/mount_path`, remarks);
  }
}

function checkContainer({ command, image = "", env = [] }: McpServerSpec, remarks: Remarks): void {
  if (command !== undefined) {
    const detail = "`args` are given to it.";
    remarks.complain("/command", "an `image` runs what it was made for: `command` has no effect", detail);
  }
  checkImage(image, "/image", remarks);
  for (const [index, { name }] of env.entries()) checkVariable(name, `/env/${index}/name`, remarks);
}

function checkMount(path: string, isolation: ServerIsolation, pointer: string, remarks: Remarks): void {
  if (!isMountPath(path)) {
    const detail =
      "Write a path such as `/secrets/token.json`, of letters, digits and `_.@+=-`, or the name of a file.";
    remarks.complain(pointer, "`mountPath` is no path that a file can be given at", detail);
  } else if (isolation === "none" && path.startsWith("/")) {
    const detail =
      "Say `default_tool_runtime: {isolation_mode: sandboxed}` or give it an `image`; or write a name alone: the variable then tells where the file is.";
    remarks.complain(pointer, "`mountPath` would be a path on the runner's machine, and no file is put there", detail);
  }
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

function checkValue(variable: Variable, pointer: string, remarks: Remarks): void {
  if (variable.value !== undefined && variable.secret_ref !== undefined) {
    remarks.complain(
      `${pointer}/value`,
      `\`${variable.name}\` has a value and a secret`,
      "The secret is used; keep one.",
    );
  }
}
