// Asks the resolver of the operating system whether a host name leads anywhere. Nothing is connected to.
import { lookup } from "node:dns/promises";
import type { HostAnswer } from "./probes/endpoints.ts";

export async function findHost(host: string): Promise<HostAnswer> {
  try {
    await lookup(host);
    return "resolves";
  } catch (error) {
    // Every other failure (no network, no name server) says nothing about the name.
    return error instanceof Error && "code" in error && error.code === "ENOTFOUND" ? "gone" : "unknown";
  }
}
