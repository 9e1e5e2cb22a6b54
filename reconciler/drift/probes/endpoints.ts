// Finds endpoints whose host names no longer lead to an address, as the resolver of this machine sees it.
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { KindName } from "../../../contracts/address.ts";
import type { StateRecord } from "../../../contracts/record.ts";
import { valueAt } from "../../plan/field-diff.ts";
import type { Probe, ProbeAnswer, WorldFinding } from "../probe.ts";

/** `gone`: the resolver says that there is no such name. `unknown`: it did not say, which proves nothing. */
export type HostAnswer = "resolves" | "gone" | "unknown";
export type FindHost = (host: string) => Promise<HostAnswer>;

const ENDPOINT_LIMITS = { timeoutMs: 2_000, atOnce: 8, hosts: 500 } as const;

const FIELDS: readonly { readonly kind: KindName; readonly pointer: string }[] = [
  { kind: "ModelEndpoint", pointer: "/spec/base_url" },
  { kind: "Tool", pointer: "/spec/endpoint" },
  { kind: "McpServer", pointer: "/spec/endpoint" },
];

interface Endpoint {
  readonly record: StateRecord;
  readonly pointer: string;
  readonly host: string;
}

/** Each name is asked for once, a few at a time, each within its time. */
export function endpointsProbe(findHost: FindHost, timeoutMs: number = ENDPOINT_LIMITS.timeoutMs): Probe {
  return {
    name: "endpoints",
    async look(records, signal) {
      const endpoints = records.flatMap(endpointsOf);
      const hosts = [...new Set(endpoints.map(({ host }) => host))].toSorted();
      const asked = hosts.slice(0, ENDPOINT_LIMITS.hosts);
      const answers = await askAll(asked, (host) => within(findHost(host), timeoutMs, signal), signal);
      return tell(endpoints, answers, hosts.length - asked.length);
    },
  };
}

function endpointsOf(record: StateRecord): Endpoint[] {
  return FIELDS.filter(({ kind }) => kind === record.manifest.kind).flatMap(({ pointer }) => {
    const host = hostOf(valueAt(record.manifest, pointer));
    return host === undefined ? [] : [{ record, pointer, host }];
  });
}

/** Of a URL, or of `host:port` as gRPC tools have it. An address needs no resolver, and no name of this machine does. */
function hostOf(endpoint: unknown): string | undefined {
  if (typeof endpoint !== "string") return undefined;
  const text = /^[\w.-]+:\d+$/.test(endpoint) ? `tcp://${endpoint}` : endpoint;
  if (!URL.canParse(text)) return undefined;
  const host = new URL(text).hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  const isLocal = host === "localhost" || host.endsWith(".localhost");
  return host === "" || isIP(host) !== 0 || isLocal ? undefined : host;
}

async function askAll(
  hosts: readonly string[],
  ask: (host: string) => Promise<HostAnswer>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, HostAnswer>> {
  const answers = new Map<string, HostAnswer>();
  const left = [...hosts];
  const work = async (): Promise<void> => {
    for (let host = left.shift(); host !== undefined && !signal.aborted; host = left.shift()) {
      answers.set(host, await ask(host));
    }
  };
  await Promise.all(Array.from({ length: ENDPOINT_LIMITS.atOnce }, work));
  return answers;
}

async function within(answer: Promise<HostAnswer>, timeoutMs: number, signal: AbortSignal): Promise<HostAnswer> {
  const ended = new AbortController();
  const late = pause(timeoutMs, "unknown" as const, { signal: AbortSignal.any([signal, ended.signal]) });
  try {
    // Aborted, the pause rejects: that is no answer either.
    return await Promise.race([answer, late.catch(() => "unknown" as const)]);
  } finally {
    ended.abort();
  }
}

/** A resolver that knows none of several names is more likely to be cut off than to be right. */
function tell(endpoints: readonly Endpoint[], answers: ReadonlyMap<string, HostAnswer>, left: number): ProbeAnswer {
  const isCutOff = answers.size > 1 && [...answers.values()].every((answer) => answer !== "resolves");
  const findings = isCutOff ? [] : endpoints.filter(({ host }) => answers.get(host) === "gone").map(describe);
  const silent = [...answers].filter(([, answer]) => isCutOff || answer === "unknown").map(([host]) => host);
  const quiet = silent.length === 0 ? [] : [`no answer from the name server about ${listed(silent)}`];
  return { findings, unknown: [...quiet, ...(left > 0 ? [`${left} more host names were not asked for`] : [])] };
}

const NAMES_SHOWN = 5;

function listed(hosts: readonly string[]): string {
  const shown = hosts.slice(0, NAMES_SHOWN).map((host) => `\`${host}\``);
  return hosts.length > NAMES_SHOWN ? `${shown.join(", ")} and ${hosts.length - NAMES_SHOWN} more` : shown.join(", ");
}

function describe({ record, pointer, host }: Endpoint): WorldFinding {
  return {
    record,
    code: "ENDPOINT_UNRESOLVED",
    pointer,
    message: `the name \`${host}\` has no address, asked from here; runners may see it otherwise`,
    before: host,
    revert: `bring the name \`${host}\` back, or name the endpoint's new place`,
  };
}
