// Parsers of flag values: what is wrong is told in commander's own words, with exit 64.
import { InvalidArgumentError } from "commander";
import { isName } from "../../contracts/address.ts";
import { parseDuration } from "../../contracts/duration.ts";
import { RUNNER_LIMITS } from "../../runner/limits.ts";

export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("it must be a whole number.");
}

export function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port <= 65_535) return port;
  throw new InvalidArgumentError("it must be a port.");
}

export function environmentName(text: string): string {
  if (isName(text)) return text;
  throw new InvalidArgumentError("it may hold letters, digits, `.`, `_` and `-` only.");
}

/** Milliseconds from `30s`, `1m30s`. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("it must be a duration such as 30s or 1m30s.");
}

/** Milliseconds from `7d`, `36h`. */
export function daysOrDurationMs(text: string): number {
  const days = /^(\d{1,4})d$/.exec(text);
  return days === null ? durationMs(text) : Number(days[1]) * 86_400_000;
}

/** Milliseconds of a lease: a profile's, or a duration. Shorter ones are lost to any pause of the machine. */
export function leaseDuration(text: string): number {
  if (text === "default") return RUNNER_LIMITS.leaseMs;
  if (text === "relaxed") return RUNNER_LIMITS.relaxedLeaseMs;
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= RUNNER_LIMITS.shortestLeaseMs) return ms;
  throw new InvalidArgumentError("it must be `default`, `relaxed`, or a duration of at least 500ms.");
}

/** `127.0.0.1:8080`, `[::1]:8080`, `:8080` for this machine only; port 0 is any that is free. */
export function listenAddress(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9A-Fa-f:]+)\]|([\w.-]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (found === null || port > 65_535) throw new InvalidArgumentError("it must be an address such as 127.0.0.1:8080.");
  return { host: found[1] ?? (found[2] || "127.0.0.1"), port };
}

export function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url !== undefined && url.search === "" && url.hash === "" && url.username === "";
  if (isPlain && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new InvalidArgumentError("it must be an address such as https://countwheel.example.com.");
}

/** Repeatable `--flag value`. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

export function commaList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
