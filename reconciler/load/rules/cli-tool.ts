// Rules of a Tool of type cli: its templates, and what it asks for in the place that it runs in.
import { fieldsOf, parseArgumentTemplate } from "../../../contracts/argument-template.ts";
import { parseByteSize } from "../../../contracts/byte-size.ts";
import { isImageName, isNetworkName, isProcessorCount, variableProblem } from "../../../contracts/container.ts";
import { isolationOf, SANDBOX_NETWORKS } from "../../../contracts/isolation.ts";
import type { ToolSpec } from "../../../contracts/kinds/tool.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import { nearMatch } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

type Cli = NonNullable<ToolSpec["cli"]>;

export function checkCli(spec: ToolSpec, remarks: Remarks): void {
  const { cli } = spec;
  if (cli === undefined) {
    remarks.complain("", "a `cli` tool needs `cli.command`");
    return;
  }
  for (const [index, template] of (cli.args ?? []).entries()) {
    checkTemplate(spec, template, `/cli/args/${index}`, remarks);
  }
  if (cli.resources?.memory !== undefined && parseByteSize(cli.resources.memory) === undefined) {
    remarks.complain("/cli/resources/memory", "`memory` is no size", "Write it like `512m` or `1g`.");
  }
  checkPlace(spec, cli, remarks);
}

function checkPlace(spec: ToolSpec, cli: Cli, remarks: Remarks): void {
  const isolation = isolationOf(spec);
  if (isolation === "container") return checkContainer(cli, remarks);
  if (isolation === "wasm" || isolation === "kubernetes") {
    const detail = "There are `none`, `sandboxed`, and `container` with a `cli.image`.";
    remarks.complain("/runtime/isolation_mode", `no runner has \`${isolation}\` for commands`, detail);
  }
  if (isolation === "sandboxed" && cli.network !== undefined && !SANDBOX_NETWORKS.includes(cli.network)) {
    remarks.complain("/cli/network", `a sandboxed command has the network ${SANDBOX_NETWORKS.join(" or ")}`);
  }
  if (cli.image !== undefined) {
    const detail = "Say `isolation_mode: container`, or leave it out.";
    remarks.complain("/cli/image", `\`image\` has no effect with \`isolation_mode: ${isolation}\``, detail);
  }
  if (cli.image_pull_secret !== undefined)
    remarks.complain("/cli/image_pull_secret", "`image_pull_secret` has no effect without a container");
  if (cli.image === undefined && spec.runtime?.isolation_mode === undefined) {
    const detail =
      "Orloj asks for `cli.image`, or for `runtime.isolation_mode: none`. Here the command runs on the runner.";
    remarks.remark("/cli", "the command runs without a container", detail);
  }
}

function checkContainer(cli: Cli, remarks: Remarks): void {
  const { image, network, working_dir: folder, resources, env = {}, env_from: from = [] } = cli;
  if (image === undefined) remarks.complain("/cli", "a container needs `cli.image`");
  else checkImage(image, "/cli/image", remarks);
  if (network !== undefined && !isNetworkName(network)) {
    const detail = "There are `none`, `bridge`, `host`, and networks that the engine knows by name.";
    remarks.complain("/cli/network", "`network` is none that a container may have", detail);
  }
  if (folder !== undefined && !folder.startsWith("/"))
    remarks.complain("/cli/working_dir", "`working_dir` is no path from the root of the image");
  if (resources?.cpus !== undefined && !isProcessorCount(resources.cpus))
    remarks.complain("/cli/resources/cpus", "`cpus` is no number of processors", "Write it like `0.5`.");
  for (const name of Object.keys(env)) checkVariable(name, `/cli/env/${escapePointer(name)}`, remarks);
  for (const [index, { name }] of from.entries()) checkVariable(name, `/cli/env_from/${index}/name`, remarks);
}

export function checkImage(image: string, pointer: string, remarks: Remarks): void {
  if (isImageName(image)) return;
  remarks.complain(pointer, "`image` is no name of an image", "Write it like `ghcr.io/acme/orders@sha256:…`.");
}

/** Of whatever runs in a container. */
export function checkVariable(name: string, pointer: string, remarks: Remarks): void {
  const why = variableProblem(name);
  if (why !== undefined) remarks.complain(pointer, "a container cannot be given this variable", `${why}.`);
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
