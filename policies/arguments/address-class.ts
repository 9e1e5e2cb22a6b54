// What kind of place a URL's host is, as far as its text tells. `host` is the host of a WHATWG URL: IPv4 addresses are
// dotted decimals there, however they were written (decimal, octal, hexadecimal, short), names are in lower case.

export const ADDRESS_CLASSES = ["public", "private", "loopback", "link_local", "other"] as const;
export type AddressClass = (typeof ADDRESS_CLASSES)[number];

/** Names that only an inner resolver answers. */
const INSIDE_NAME = /(^|\.)(local|internal|intranet|lan|home|corp|private|home\.arpa)$/;

/** A name that resolves to the inside is refused where the connection is made, not here. */
export function addressClass(host: string): AddressClass {
  if (host.startsWith("[")) return ipv6Class(host.slice(1, -1));
  if (/^[0-9.]+$/.test(host)) return ipv4Class(host.split(".").map(Number));
  if (host === "localhost" || host.endsWith(".localhost")) return "loopback";
  return !host.includes(".") || INSIDE_NAME.test(host) ? "private" : "public";
}

/** RFC 6890 and its registry. */
function ipv4Class([a = -1, b = -1, c = -1]: readonly number[]): AddressClass {
  if (a === 127) return "loopback";
  if (a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168)) return "private";
  if (a === 100 && b >= 64 && b <= 127) return "private";
  if (a === 198 && (b === 18 || b === 19)) return "private";
  if (a === 169 && b === 254) return "link_local";
  const isReserved = a <= 0 || a >= 224 || (a === 192 && b === 0 && c === 0) || (a === 168 && b === 63 && c === 129);
  return isReserved ? "other" : "public";
}

/** Addresses that carry an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) are what the IPv4 one is, or nothing good. */
function ipv6Class(address: string): AddressClass {
  const groups = expand(address);
  const [first = 0, second = 0] = groups;
  const tail = [groups[6] ?? 0, groups[7] ?? 0].flatMap((group) => [group >> 8, group & 0xff]);
  const leading = groups.slice(0, 5).every((group) => group === 0);
  if (leading && groups[5] === 0xffff) return ipv4Class(tail);
  if (leading && groups[5] === 0) {
    return groups[6] === 0 ? (groups[7] === 1 ? "loopback" : "other") : ipv4Class(tail);
  }
  if (first === 0x64 && second === 0xff9b) return groups[2] === 0 ? ipv4Class(tail) : "other";
  if (first === 0x2002 || (first === 0x2001 && second === 0)) return "other";
  if ((first & 0xfe00) === 0xfc00) return "private";
  if ((first & 0xffc0) === 0xfe80) return "link_local";
  return (first & 0xe000) === 0x2000 ? "public" : "other";
}

/** The URL parser writes IPv6 in hexadecimal groups with at most one `::`. */
function expand(address: string): number[] {
  const [head = "", tail] = address.split("::");
  if (tail === undefined) return readGroups(head);
  const [left, right] = [readGroups(head), readGroups(tail)];
  const missing = Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array.from({ length: missing }, () => 0), ...right];
}

function readGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
