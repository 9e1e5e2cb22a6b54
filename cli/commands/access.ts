// `access [agent]`: what each agent may call, within which bounds, by which line. Of the state, of a commit or of a folder.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { closest } from "fastest-levenshtein";
import type { Address } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { type AccessReport, reportAccess, type SeenTools } from "../../reconciler/access/access-report.ts";
import { type PlaceOf, placesIn } from "../../reconciler/access/place-of.ts";
import { placesAtCommits } from "../../reconciler/access/rule-places.ts";
import { type Holder, shortName } from "../../reconciler/plan/access-model.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { loadSourceOf } from "../load-source-of.ts";
import { paintFor, printJson, say } from "../output.ts";
import { commitSpec, type SourceFlags, shellWord, sourceTools } from "../plan-source.ts";
import { renderAccess } from "../view/access.ts";

export interface AccessOptions extends CommonFlags, SourceFlags {
  /** `name`, or `namespace/name`. Default: all. */
  readonly agent?: string;
  readonly config?: string;
  readonly allowUnprotected?: boolean;
}

/** What is asked about, and how its lines are found. */
interface Ground {
  readonly holders: readonly Holder[];
  readonly placeOf: PlaceOf;
  readonly seen: SeenTools;
  readonly showFile: (file: string) => string;
}

export async function runAccess(host: Host, flags: AccessOptions): Promise<ExitCode> {
  const options = withFolder(host, flags);
  const ground = isOfSource(options) ? await readSource(host, options) : await readEnvironment(host, options);
  const agents = chosenAgents(ground.holders, options);
  const report = reportAccess(ground.holders, { ...ground, ...(agents === undefined ? {} : { agents }) });
  if (options.output === "json") printJson(host, report);
  else printText(host, report, ground);
  return EXIT.ok;
}

/** `access agents`, where there is such a directory, is about all of its agents; `default/agents` is an agent. */
function withFolder(host: Host, { agent, ...options }: AccessOptions): AccessOptions {
  if (agent === undefined) return options;
  if (options.folder !== undefined || !existsSync(resolve(host.cwd, agent))) return { ...options, agent };
  return { ...options, folder: agent };
}

function isOfSource({ repo, ref, path, folder }: AccessOptions): boolean {
  return [repo, ref, path, folder].some((flag) => flag !== undefined);
}

async function readSource(host: Host, options: AccessOptions): Promise<Ground> {
  const { manifests, showFile } = await loadSourceOf(host, options);
  return { holders: manifests, placeOf: placesIn(manifests), seen: new Map(), showFile };
}

async function readEnvironment(host: Host, options: AccessOptions): Promise<Ground> {
  // Imported only here: the access of a commit needs no Redis.
  const { openRedis } = await import("../redis.ts");
  const { readState } = await import("../../store/state.ts");
  const { readTools } = await import("../../store/sightings.ts");
  const { redis, close } = await openRedis(host, options);
  try {
    const { records } = await readState(redis, options.env);
    const seen = await readTools(redis, options.env);
    const sources = new Map<Address, (typeof holders)[number]["source"]>();
    const holders = [...records.values()];
    for (const { address, manifest, source } of holders) if (isNamed(manifest.kind)) sources.set(address, source);
    const tools = await sourceTools(host, commitSpec(host, {}));
    return {
      holders,
      placeOf: await placesAtCommits(sources, tools, host.signal),
      seen: new Map(
        seen.map(({ namespace, server, tools: offered }) => [`${namespace}/${server}`, Object.keys(offered)]),
      ),
      showFile: (file) => file,
    };
  } finally {
    await close();
  }
}

function isNamed(kind: string): boolean {
  return ["Agent", "AgentPolicy", "AgentRole", "ToolPermission"].includes(kind);
}

function chosenAgents(holders: readonly Holder[], { agent, env }: AccessOptions): readonly string[] | undefined {
  if (agent === undefined) return undefined;
  const names = holders.flatMap(({ manifest }) => (manifest.kind === "Agent" ? [shortName(manifest.metadata)] : []));
  const wanted = agent.startsWith("default/") ? agent.slice("default/".length) : agent;
  if (names.includes(wanted)) return [wanted];
  const hint = names.length === 0 ? "There are no agents." : `Did you mean \`${closest(wanted, names)}\`?`;
  throw new PermanentFailure("NOT_FOUND", `no Agent \`${agent}\` in environment \`${env}\`. ${hint}`);
}

function printText(host: Host, report: AccessReport, { showFile }: Ground): void {
  if (report.items.length === 0) return say(host, "No agents. Next: countwheel plan");
  host.stdout.write(renderAccess(report, { paint: paintFor(host.stdout, host.config.color), showFile }));
  host.stdout.write(`\npolicy ${report.policyDigest}\n`);
  say(
    host,
    `Next: countwheel describe agent ${shellWord(report.items[0]?.agent ?? "")}, or countwheel plan to see what a change would give`,
  );
}
