// Which network addresses a tool or an HTTP MCP server may be reached at.
import { BlockList, isIP } from "node:net";

type AddressClass = "public" | "inside" | "never";

/** Link-local with the clouds' metadata services, addresses of no host, multicast, reserved. */
const NEVER = blockList(
  ["0.0.0.0", 8],
  ["100.100.100.200", 32],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["192.0.0.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["::", 128],
  ["fd00:ec2::254", 128],
  ["fe80::", 10],
  ["ff00::", 8],
);

/** This machine and private networks. Addresses that embed an IPv4 one (NAT64, 6to4, Teredo) hide where they lead. */
const INSIDE = blockList(
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["::1", 128],
  ["64:ff9b::", 32],
  ["2001::", 32],
  ["2002::", 16],
  ["fc00::", 7],
);

/**
 * Whether `address`, to which `host` resolved, may be connected to. The rule: public addresses always; addresses of this
 * machine and of private networks only where the manifest names them literally (an address, or `localhost`), so that the
 * reviewer saw them, or where it says `allow_private`; link-local and metadata addresses never. A name that resolves
 * to the inside is refused: that is what DNS rebinding looks like.
 */
export function mayConnect(host: string, address: string, allowPrivate: boolean): boolean {
  const kind = classify(address);
  return kind === "public" || (kind === "inside" && (allowPrivate || isLiteral(host)));
}

/** This machine, or a private network. */
export function isInside(address: string): boolean {
  return classify(address) === "inside";
}

/** Whether a host names this machine or a private network without asking anybody. */
export function isInsideName(host: string): boolean {
  return isIP(host) === 0 ? isLiteral(host) : isInside(host);
}

function isLiteral(host: string): boolean {
  return isIP(host) !== 0 || host === "localhost" || host.endsWith(".localhost");
}

function classify(address: string): AddressClass {
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  // BlockList judges IPv4-mapped IPv6 addresses by their IPv4 rules.
  if (isIP(address) === 0 || NEVER.check(address, family)) return "never";
  return INSIDE.check(address, family) ? "inside" : "public";
}

function blockList(...subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [net, bits] of subnets) list.addSubnet(net, bits, net.includes(":") ? "ipv6" : "ipv4");
  return list;
}
