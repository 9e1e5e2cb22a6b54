// Where a tool of type grpc is: `host:port` of its manifest, as an address that was checked before anything connects to it.
import { isIP } from "node:net";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import type { GrpcEndpoint } from "../../../contracts/grpc-endpoint.ts";
import { isInside, mayConnect } from "../addresses.ts";
import { addressRefused, type Outbound } from "../checked-request.ts";

export interface CheckedAddress extends GrpcEndpoint {
  /** An address, no name: what connects to it asks no resolver again. */
  readonly target: string;
}

/**
 * One bad address among good ones is a trap, not a choice: the whole name is refused. Without TLS only this machine and private
 * networks may be reached.
 */
export async function checkEndpoint(
  { host, port }: GrpcEndpoint,
  { resolve, allowPrivate }: Outbound,
  plaintext: boolean,
): Promise<CheckedAddress> {
  const addresses = isIP(host) === 0 ? await resolve(host).catch(unreachable(host)) : [{ address: host }];
  const bad = addresses.find(({ address }) => !mayConnect(host, address, allowPrivate));
  if (bad !== undefined) throw addressRefused(host, bad.address);
  const open = plaintext ? addresses.find(({ address }) => !isInside(address)) : undefined;
  if (open !== undefined) {
    const why = "`grpc.plaintext` is for this machine and private networks";
    throw new PermanentFailure("PLAINTEXT_REFUSED", `\`${host}\` is public (${open.address}): ${why}`);
  }
  const [first] = addresses;
  if (first === undefined) throw new TransientFailure("HOST_UNREACHABLE", `\`${host}\` has no address`);
  const { address } = first;
  return { host, port, target: isIP(address) === 6 ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}` };
}

function unreachable(host: string): (cause: unknown) => never {
  return (cause) => {
    throw new TransientFailure("HOST_UNREACHABLE", `\`${host}\` cannot be resolved`, { cause });
  };
}
