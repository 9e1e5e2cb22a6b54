// `suspend [kind] [name]`: nothing is applied any more to an environment, or to one of its resources, from now on.

import { type AddressParts, displayAddress, isName, parseAddress } from "../../contracts/address.ts";
import type { Manifest } from "../../contracts/manifest.ts";
import { toolKey } from "../../policies/names.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import type { Redis } from "../../store/connect.ts";
import { namespaceHold, type Suspended, suspend } from "../../store/holds.ts";
import { publishLook } from "../../store/leader.ts";
import { readState } from "../../store/state.ts";
import { envWords } from "../env-words.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { openRedis } from "../redis.ts";
import { type ResourceWords, resourceNamed } from "../resource-named.ts";
import { type PersonFlags, saidBy } from "../said-by.ts";
import { pickRecord } from "./get.ts";

export interface SuspendOptions extends CommonFlags, PersonFlags, ResourceWords {
  readonly reason?: string;
  readonly allowUnprotected?: boolean;
}

export async function runSuspend(host: Host, options: SuspendOptions): Promise<ExitCode> {
  const address = suspendedNamed(options);
  const { redis, close } = await openRedis(host, options);
  try {
    if (address !== null) await mustBeThere(redis, options.env, address);
    const by = await saidBy(host, redis, options, "apply");
    const suspension = { by, since: host.now().toISOString(), reason: options.reason ?? "" };
    await suspend(redis, options.env, address, suspension);
    await publishLook(redis, options.env);
    const { env, output } = options;
    if (output === "json") printJson(host, { formatVersion: "1", env, address, suspension });
    else host.stdout.write(`${targetText(env, address)} is ${suspensionText(suspension)}.\n`);
    say(host, `${effectOf(address)} Next: countwheel resume${wordsOf(env, address)}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

const STOPPED_KINDS = ["Agent", "AgentSystem", "Tool", "ModelEndpoint"];

function effectOf(address: Suspended | null): string {
  if (address?.startsWith("namespace/"))
    return "None of its agents begins a call any more: within a second tasks wait where they are.";
  const kind = address === null ? undefined : parseAddress(address)?.kind;
  if (kind === undefined || !STOPPED_KINDS.includes(kind)) return "Nothing is applied to it by itself.";
  return "Nothing is applied to it, and within a second no call of it begins any more: tasks wait where they are.";
}

/** A name that was mistyped would leave the one that was meant unprotected. */
async function mustBeThere(redis: Redis, env: string, address: Suspended): Promise<void> {
  const parts = parseAddress(address);
  if (parts === undefined) return;
  const records = [...(await readState(redis, env)).records.values()];
  if (parts.kind === "Tool" && records.some(({ manifest }) => serves(manifest, parts))) return;
  pickRecord(records.values(), parts.kind, { ...parts, env });
}

/** Tools of MCP servers have no manifest of their own. */
function serves({ kind, metadata }: Manifest, tool: AddressParts): boolean {
  if (kind !== "McpServer" || metadata.namespace !== tool.namespace) return false;
  return toolKey(tool.name).startsWith(`${toolKey(metadata.name)}--`);
}

/** A resource, or `namespace/NAME`. null: the whole environment. Throws UsageFailure. */
export function suspendedNamed(words: ResourceWords): Suspended | null {
  const [word = "", ...names] = [words.kind, words.name].flatMap((part) => part?.split("/") ?? []);
  if (!/^(namespaces?|ns)$/i.test(word)) return resourceNamed(words);
  const [name = "", ...more] = names;
  if (more.length > 0 || !isName(name)) throw new UsageFailure("which namespace? Give its name, as in namespace/NAME");
  return namespaceHold(name);
}

export function targetText(env: string, address: Suspended | null): string {
  if (address?.startsWith("namespace/")) return `${address} in environment ${env}`;
  const parts = address === null ? undefined : parseAddress(address);
  return parts === undefined ? `Environment ${env}` : `${displayAddress(parts)} in environment ${env}`;
}

function wordsOf(env: string, address: Suspended | null): string {
  const parts = address === null ? undefined : parseAddress(address);
  const name = parts === undefined ? address : displayAddress(parts);
  return `${name === null ? "" : ` ${name}`}${envWords(env)}`;
}
