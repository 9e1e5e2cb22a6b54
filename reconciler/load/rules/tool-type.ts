// Rules of a Tool by its type: what it needs to be called, and what has no effect on it.
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { checkGrpc } from "./grpc-tool.ts";
import type { Remarks } from "./remarks.ts";

type ToolType = NonNullable<ToolSpec["type"]>;

/** Fields that only some types read, and which those are. */
const READ_BY: readonly (readonly [keyof ToolSpec, readonly ToolType[]])[] = [
  ["endpoint", ["http", "external", "webhook-callback", "grpc", "a2a"]],
  ["auth", ["http", "external", "webhook-callback", "grpc", "a2a"]],
  ["mcp_server_ref", ["mcp"]],
  ["mcp_tool_name", ["mcp"]],
  ["cli", ["cli"]],
  ["wasm", ["wasm"]],
  ["grpc", ["grpc"]],
  ["callback", ["webhook-callback"]],
];

const A2A_INSTEAD = "Call the other agent where it is offered over MCP (`mcp`) or HTTP (`http`, `external`).";

export function checkType(spec: ToolSpec, remarks: Remarks): void {
  const type = spec.type ?? "http";
  for (const [field, types] of READ_BY) {
    if (spec[field] === undefined || isEmpty(spec[field]) || types.includes(type)) continue;
    const whose = types.filter((one) => one !== "a2a").map((one) => `\`${one}\``);
    const detail = `It is read of tools of type ${whose.join(", ")}.`;
    remarks.complain(`/${field}`, `\`${field}\` has no effect on a tool of type \`${type}\``, detail);
  }
  switch (type) {
    case "http":
    case "external":
    case "webhook-callback":
      return checkUrl(type, spec, remarks);
    case "mcp":
      if (spec.mcp_server_ref === undefined || spec.mcp_tool_name === undefined) {
        remarks.complain("", "an `mcp` tool needs `mcp_server_ref` and `mcp_tool_name`");
      }
      return;
    case "wasm":
      return checkWasm(spec, remarks);
    case "a2a":
      return remarks.complain("/type", "Countwheel cannot call `a2a` tools", A2A_INSTEAD);
    case "grpc":
      return checkGrpc(spec, remarks);
    case "cli":
      return;
  }
}

/** Sections with nothing below occur in the wild, and say nothing. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function checkUrl(type: ToolType, { endpoint }: ToolSpec, remarks: Remarks): void {
  const article = type === "http" || type === "external" ? "an" : "a";
  if (endpoint === undefined) {
    remarks.complain("", `${article} \`${type}\` tool needs an \`endpoint\``, "Without one it cannot be called.");
    return;
  }
  const { protocol } = URL.canParse(endpoint) ? new URL(endpoint) : { protocol: "" };
  if (protocol === "http:" || protocol === "https:") return;
  remarks.complain(
    "/endpoint",
    "`endpoint` is no address of HTTP",
    "Write it like `https://tools.example.com/search`.",
  );
}

const MODULE_ISOLATION: readonly string[] = ["none", "wasm", "sandboxed"];

function checkWasm({ wasm, runtime }: ToolSpec, remarks: Remarks): void {
  if (wasm === undefined) return remarks.complain("", "a `wasm` tool needs `wasm.module`");
  if (wasm.sha256 === undefined) {
    remarks.complain(
      "/wasm",
      "`wasm.sha256` is missing",
      "Only the module that it names is run: `sha256sum FILE` tells it.",
    );
  }
  if (wasm.fuel !== undefined) {
    remarks.remark(
      "/wasm/fuel",
      "`fuel` has no effect",
      "Instructions are not counted: `runtime.timeout` ends a call.",
    );
  }
  if (wasm.enable_wasi === false) {
    remarks.complain(
      "/wasm/enable_wasi",
      "without WASI a module has neither input nor output",
      "Here it always has it.",
    );
  }
  if (wasm.image_pull_secret !== undefined)
    remarks.remark("/wasm/image_pull_secret", "`image_pull_secret` has no effect", "A module is a file, and no image.");
  const { isolation_mode: isolation = "wasm" } = runtime ?? {};
  if (MODULE_ISOLATION.includes(isolation)) return;
  remarks.complain(
    "/runtime/isolation_mode",
    `a module does not run in \`${isolation}\``,
    "Say `wasm` or `sandboxed`.",
  );
}
