// CPU time that processes and Redis have used, in milliseconds: steadier than the clock on a machine that others use, too.
import { readFileSync } from "node:fs";
import type { Redis } from "../store/connect.ts";

/** Linux counts in hundredths of a second. */
const MS_PER_TICK = 10;

/** 0 where the system does not tell. */
export function processCpuMs(pid: number | undefined): number {
  try {
    const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
    const [user = "0", system = "0"] = fields.split(" ").slice(11, 13);
    return (Number(user) + Number(system)) * MS_PER_TICK;
  } catch {
    return 0;
  }
}

export async function redisCpuMs(redis: Redis): Promise<number> {
  const text = await redis.info("cpu");
  return sum(
    ["used_cpu_user", "used_cpu_sys"].map((name) => Number(new RegExp(`${name}:(\\S+)`).exec(text)?.[1] ?? 0) * 1_000),
  );
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
