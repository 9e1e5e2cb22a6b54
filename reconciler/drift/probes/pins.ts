// Finds MCP tools whose definitions are not the pinned ones, by what runners saw when they opened the servers.

import { specOf } from "../../../contracts/kinds.ts";
import { launchDigest } from "../../../contracts/mcp-launch.ts";
import type { StateRecord } from "../../../contracts/record.ts";
import { escapePointer } from "../../../contracts/sensitive.ts";
import { differenceOfTools, pinDigest } from "../../../contracts/tool-difference.ts";
import type { SeenTools } from "../../../store/sightings.ts";
import type { Probe, ProbeAnswer, WorldFinding } from "../probe.ts";

type ReadTools = () => Promise<readonly SeenTools[]>;

export function pinsProbe(readTools: ReadTools): Probe {
  return { name: "pins", look: (records) => lookAtPins(records, readTools) };
}

/**
 * Nothing is started from here: a server that no runner has opened since its manifest changed is unknown. Nothing is read
 * where nothing is pinned.
 */
export async function lookAtPins(records: readonly StateRecord[], readTools: ReadTools): Promise<ProbeAnswer> {
  const pinned = records.filter(({ manifest }) => Object.keys(pinsOf(manifest)).length > 0);
  if (pinned.length === 0) return { findings: [], unknown: [] };
  const seen = new Map((await readTools()).map((tools) => [`${tools.namespace}/${tools.server}`, tools]));
  const answers = pinned.map((record) => comparePins(record, seen));
  return {
    findings: answers.flatMap((answer) => answer.findings),
    unknown: answers.flatMap((answer) => answer.unknown),
  };
}

function pinsOf(manifest: StateRecord["manifest"]): Readonly<Record<string, string>> {
  return specOf(manifest, "McpServer")?.pins ?? {};
}

function comparePins(record: StateRecord, seen: ReadonlyMap<string, SeenTools>): ProbeAnswer {
  const { namespace, name } = record.manifest.metadata;
  const spec = specOf(record.manifest, "McpServer");
  const offered = seen.get(`${namespace}/${name}`);
  if (spec === undefined || offered === undefined || offered.launch !== launchDigest(spec)) {
    return {
      findings: [],
      unknown: [`${record.address}: no runner has opened this server yet, so its pins were not compared`],
    };
  }
  const findings = Object.entries(pinsOf(record.manifest)).flatMap(([tool, pin]) =>
    comparePin(record, offered, tool, pin),
  );
  return { findings, unknown: [] };
}

function comparePin(
  record: StateRecord,
  { tools, texts, runner, at }: SeenTools,
  tool: string,
  pin: string,
): WorldFinding[] {
  const found = Object.hasOwn(tools, tool) ? tools[tool] : undefined;
  if (found === pinDigest(pin)) return [];
  const pointer = `/spec/pins/${escapePointer(tool)}`;
  const seenBy = `seen by runner \`${runner}\` at ${at}`;
  const revert = `bring the server back to the version that was pinned; until then calls of \`${tool}\` are refused`;
  if (found === undefined) {
    const message = `the server offers no \`${tool}\`, which is pinned (${seenBy})`;
    return [{ record, code: "TOOL_GONE", pointer, message, before: pin, revert }];
  }
  const message = `the definition of \`${tool}\` is not the pinned one (${seenBy})`;
  const [was, is] = [texts[pinDigest(pin)], texts[found]];
  const difference = was === undefined || is === undefined ? {} : { difference: differenceOfTools(was, is) };
  return [{ record, code: "TOOL_DRIFTED", pointer, message, before: pin, after: found, ...difference, revert }];
}
