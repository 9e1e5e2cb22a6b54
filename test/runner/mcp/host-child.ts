// A process that uses an MCP server until it is killed: `host-child.ts <spec> <PATH of a container engine>`. Says `ready` when the
// server runs. What it has under the name `token` is secret.
import { McpSupervisor } from "../../../runner/mcp/supervisor.ts";
import { Containers } from "../../../runner/processes/containers/containers.ts";
import { GROUND, never, planFor, secretsWith } from "./servers.ts";

const [spec = "", PATH = ""] = process.argv.slice(2);
const containers = new Containers({ PATH }, ["*"], GROUND.privateFiles);
const plan = await planFor(JSON.parse(spec), secretsWith({ token: "t0ken" }), { containers });
await new McpSupervisor().acquire(plan, never());
process.stdout.write("ready\n");
