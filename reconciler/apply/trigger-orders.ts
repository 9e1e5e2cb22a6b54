// What an apply has to do beside the records, once they are switched: schedules to hang, change, move or take down, and MCP
// servers of which nothing is known any more. Pure.
import type { Address } from "../../contracts/address.ts";
import { specOf } from "../../contracts/kinds.ts";
import { launchDigest } from "../../contracts/mcp-launch.ts";
import type { Plan } from "../../contracts/plan.ts";
import type { ObservedState, StateRecord } from "../../contracts/record.ts";
import { type TriggerIntent, timingOf } from "../../contracts/schedule.ts";
import type { NextRecords } from "./next-records.ts";

export function orderTriggers(
  { changes }: Pick<Plan, "changes">,
  { writes, prunes }: Pick<NextRecords, "writes" | "prunes">,
  records: ObservedState["records"],
  appliedAt: string,
): TriggerIntent[] {
  const previous = new Map(changes.map(({ address, previousAddress }) => [address, previousAddress ?? null]));
  const moved = new Set(previous.values());
  const orderOf = (address: Address): TriggerIntent => {
    return { address, previous: previous.get(address) ?? null, timing: null, appliedAt, remembered: false };
  };
  const gone = prunes.filter((address) => isServer(address) || (isSchedule(address) && !moved.has(address)));
  const written = writes.flatMap((record): TriggerIntent[] => {
    const spec = specOf(record.manifest, "TaskSchedule");
    if (spec !== undefined) return [{ ...orderOf(record.address), timing: timingOf(spec) }];
    return isOtherServer(record, records.get(record.address)) ? [orderOf(record.address)] : [];
  });
  return [...gone.map(orderOf), ...written];
}

function isSchedule(address: Address): boolean {
  return address.startsWith("TaskSchedule/");
}

export function isServer(address: Address): boolean {
  return address.startsWith("McpServer/");
}

/** What its tools were says nothing of a server that is started otherwise. */
function isOtherServer({ manifest }: StateRecord, before: StateRecord | undefined): boolean {
  const spec = specOf(manifest, "McpServer");
  const old = before === undefined ? undefined : specOf(before.manifest, "McpServer");
  return spec !== undefined && old !== undefined && launchDigest(spec) !== launchDigest(old);
}
