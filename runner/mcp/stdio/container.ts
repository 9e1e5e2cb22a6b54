// A stdio server from an image: what its manifest says of its container.
import type { McpServerSpec } from "../../../contracts/kinds/mcp-server.ts";
import { mountPlace } from "../../../contracts/mount-path.ts";
import type { Contained } from "../../processes/containers/container-command.ts";
import type { Given } from "./launch.ts";

/** `files`: where the files of `given` are on this machine, in their order. */
export function containerOfServer(
  { image = "", args = [], network = "none", resources }: McpServerSpec,
  name: string,
  given: Given,
  files: readonly string[],
): Contained {
  const places = given.files.map(({ mountPath }) => mountPlace(mountPath));
  return {
    image,
    label: { key: "dev.countwheel.server", value: name },
    args,
    network,
    resources,
    env: given.env,
    paths: Object.fromEntries(given.files.map(({ variable }, at) => [variable, places[at] ?? ""])),
    mounts: places.map((to, at) => ({ from: files[at] ?? "", to })),
  };
}
