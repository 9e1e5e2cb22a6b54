// `mcp pin`: looks at what MCP servers offer, and writes the digests of their tools into the manifests that declare them.
import { resolve } from "node:path";
import { specOf } from "../../contracts/kinds.ts";
import type { LoadedManifest } from "../../reconciler/load/desired-set.ts";
import { oneLine } from "../../reconciler/plan/inert.ts";
import { listPins } from "../../runner/list-pins.ts";
import { DEFAULT_VARIABLE_PATTERNS } from "../../runner/secrets/allowed.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { chooseServers, entriesOf, nameOf, readManifests } from "../mcp/declared-servers.ts";
import { readKnownTexts } from "../mcp/known-texts.ts";
import { lazyRenewals } from "../mcp/lazy-renewals.ts";
import { differs, type PinChange, type Pins, pinChanges, withDifferences } from "../mcp/pin-changes.ts";
import { writePins } from "../mcp/write-field.ts";
import { printJson, say } from "../output.ts";
import { secretAccess } from "../secret-access.ts";

export interface McpPinOptions {
  /** `name` or `namespace/name`; none: all of them. */
  readonly servers: readonly string[];
  readonly path: string;
  /** Look, and write nothing. */
  readonly check: boolean;
  readonly secretEnv: readonly string[];
  readonly secretDir: readonly string[];
  readonly ageIdentity: readonly string[];
  /** Absent: every program. */
  readonly allowCommand?: readonly string[];
  /** Absent: no image. */
  readonly allowImage?: readonly string[];
  readonly output: OutputFormat;
  /** Whose runners know what pins stand for. */
  readonly env: string;
  readonly redis?: string;
  readonly allowUnprotected?: boolean;
}

interface Pinned {
  readonly server: LoadedManifest;
  readonly changes: readonly PinChange[];
  readonly pins: Pins;
}

export async function runMcpPin(host: Host, options: McpPinOptions): Promise<ExitCode> {
  const manifests = await readManifests(host, options.path);
  const chosen = chooseServers(manifests, options.servers);
  const pinned = await look(host, options, manifests, chosen);
  const different = pinned.filter(({ changes }) => differs(changes));
  if (!options.check) {
    for (const { server, pins } of different) await writePins(resolve(host.cwd, server.place.file), server, pins);
  }
  tell(host, options, pinned);
  return options.check && different.length > 0 ? EXIT.changes : EXIT.ok;
}

async function look(
  host: Host,
  options: McpPinOptions,
  manifests: readonly LoadedManifest[],
  servers: readonly LoadedManifest[],
): Promise<readonly Pinned[]> {
  const { renewals, close } = lazyRenewals(host, options);
  const ground = {
    secrets: secretAccess(host, options, DEFAULT_VARIABLE_PATTERNS),
    cwd: host.cwd,
    allowedCommands: options.allowCommand ?? null,
    allowedImages: options.allowImage ?? [],
    ...(renewals === undefined ? {} : { renewals }),
  };
  const names = servers.map(({ manifest }) => manifest.metadata);
  let found: Awaited<ReturnType<typeof listPins>>;
  try {
    found = await listPins(entriesOf(manifests), names, ground, host.signal);
  } finally {
    await close();
  }
  const pinned = servers.map((server, index) => {
    const { pins, texts } = found[index] ?? { pins: {}, texts: {} };
    const before = specOf(server.manifest, "McpServer")?.pins ?? {};
    return { server, pins, texts, changes: pinChanges(before, pins) };
  });
  if (!pinned.some(({ changes }) => changes.some(({ change }) => change === "changed"))) return pinned;
  const known = await readKnownTexts(host, options);
  return pinned.map(({ server, pins, texts, changes }) => {
    const { namespace, name } = server.manifest.metadata;
    return { server, pins, changes: withDifferences(changes, known.get(`${namespace}/${name}`) ?? {}, texts) };
  });
}

function tell(host: Host, { output, check, path }: McpPinOptions, pinned: readonly Pinned[]): void {
  if (output === "json") {
    const servers = pinned.map(({ server: { manifest, place }, changes }) => {
      const { namespace, name } = manifest.metadata;
      return { namespace, name, file: place.file, line: place.line, tools: changes };
    });
    printJson(host, { formatVersion: "1", written: !check, servers });
    return;
  }
  for (const one of pinned) host.stdout.write(`${textOf(one)}\n`);
  if (pinned.length === 0) host.stdout.write(`No McpServer is declared in ${path}.\n`);
  const isDifferent = pinned.some(({ changes }) => differs(changes));
  if (!isDifferent) return;
  say(
    host,
    check ? "Next: look at what changed, then countwheel mcp pin" : "Next: git diff, then commit what you trust",
  );
}

const SIGNS = { kept: " ", new: "+", changed: "~", gone: "-" } as const;

function textOf({ server: { manifest, place }, changes }: Pinned): string {
  const head = `McpServer ${nameOf(manifest)}  ${place.file}:${place.line}`;
  if (changes.length === 0) return `${head}\n  it offers no tools`;
  const lines = changes.flatMap(({ tool, change, before, after, difference = [] }) => {
    const digests = change === "changed" ? `${short(before)} → ${short(after)}` : short(after ?? before);
    const told = `  ${SIGNS[change]} ${tool.padEnd(28)} ${digests}${change === "gone" ? "  is not offered any more" : ""}`;
    return [told, ...difference.map((line) => `      ${oneLine(line)}`)];
  });
  return [head, ...lines].join("\n");
}

const SHOWN = "sha256:".length + 12;

function short(digest: string | null): string {
  return digest === null ? "" : `${digest.slice(0, SHOWN)}…`;
}
