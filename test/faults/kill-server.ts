// Kills the private Redis of a folder as a power cut would, and waits until it is dead. Its data stays.
import { readFile } from "node:fs/promises";
import { placeOf } from "../../store/embedded/place.ts";
import { isAlive } from "../../store/embedded/single-flight.ts";
import { until } from "../store/world.ts";

export async function killServer(home: string): Promise<void> {
  const pid = await readServerPid(home);
  process.kill(pid, "SIGKILL");
  await until("the server is dead", async () => !isAlive(pid));
}

export async function readServerPid(home: string): Promise<number> {
  return Number(await readFile(placeOf(home).pid, "utf8"));
}
