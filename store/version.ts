// Versions of Redis and Valkey: the oldest that holds an environment, and how versions compare.

export const OLDEST_VERSION = "6.2";

/** Compares major and minor numbers. */
export function isOlder(version: string, bound: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [boundMajor = 0, boundMinor = 0] = bound.split(".").map(Number);
  return major < boundMajor || (major === boundMajor && minor < boundMinor);
}
