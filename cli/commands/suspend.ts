// `suspend [kind] [name]`: nothing is applied any more to an environment, or to one of its resources, from now on.

import type { Address } from "../../contracts/address.ts";
import { displayAddress, parseAddress } from "../../contracts/address.ts";
import { suspensionText } from "../../reconciler/holds/suspended.ts";
import type { Redis } from "../../store/connect.ts";
import { suspend } from "../../store/holds.ts";
import { publishLook } from "../../store/leader.ts";
import { readState } from "../../store/state.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { CommonFlags, Host } from "../host.ts";
import { printJson, say } from "../output.ts";
import { personOf } from "../person.ts";
import { openRedis } from "../redis.ts";
import { type ResourceWords, resourceNamed } from "../resource-named.ts";
import { pickRecord } from "./get.ts";

export interface SuspendOptions extends CommonFlags, ResourceWords {
  readonly reason?: string;
  readonly as?: string;
  readonly allowUnprotected?: boolean;
}

export async function runSuspend(host: Host, options: SuspendOptions): Promise<ExitCode> {
  const address = resourceNamed(options);
  const { redis, close } = await openRedis(host, options);
  try {
    if (address !== null) await mustBeThere(redis, options.env, address);
    const by = await personOf(host, options.as);
    const suspension = { by, since: host.now().toISOString(), reason: options.reason ?? "" };
    await suspend(redis, options.env, address, suspension);
    await publishLook(redis, options.env);
    const { env, output } = options;
    if (output === "json") printJson(host, { formatVersion: "1", env, address, suspension });
    else host.stdout.write(`${targetText(env, address)} is ${suspensionText(suspension)}.\n`);
    say(host, `Nothing is applied to it by itself. Next: countwheel resume${wordsOf(env, address)}`);
    return EXIT.ok;
  } finally {
    await close();
  }
}

/** A name that was mistyped would leave the one that was meant unprotected. */
async function mustBeThere(redis: Redis, env: string, address: Address): Promise<void> {
  const parts = parseAddress(address);
  if (parts === undefined) return;
  pickRecord((await readState(redis, env)).records.values(), parts.kind, { ...parts, env });
}

export function targetText(env: string, address: Address | null): string {
  const parts = address === null ? undefined : parseAddress(address);
  return parts === undefined ? `Environment ${env}` : `${displayAddress(parts)} in environment ${env}`;
}

function wordsOf(env: string, address: Address | null): string {
  const parts = address === null ? undefined : parseAddress(address);
  return `${parts === undefined ? "" : ` ${displayAddress(parts)}`}${env === "default" ? "" : ` --env ${env}`}`;
}
