// A runner that makes one call of a CLI tool in a container: `cli-host-child.ts <spec> <PATH of a container engine>`.
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { callCliTool } from "../../../runner/tools/cli/cli-tool.ts";
import { GROUND, never, secretsWith } from "../mcp/servers.ts";

const [spec = "", PATH = ""] = process.argv.slice(2);
const containers = new Containers({ PATH }, ["*"], GROUND.privateFiles);
const place = { namespace: "default", label: "Tool default/x", secrets: secretsWith({}) };
const source = { ...place, spec: JSON.parse(spec), ground: { ...GROUND, containers } };
await callCliTool(source, {}, { idempotencyKey: "k", signal: never(), checkLease: () => undefined });
