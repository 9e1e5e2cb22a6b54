// One unary gRPC call over a connection of its own, to an address that was checked. No retries, no proxies, no resolver and no
// configuration of the server's are asked.
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { ChannelCredentials, Client, connectivityState, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { unlessAborted } from "../../unless-aborted.ts";
import { MAX_ANSWER_BYTES } from "../contract/result.ts";
import type { CheckedAddress } from "./endpoint.ts";

export interface UnaryCall {
  readonly address: CheckedAddress;
  /** Without TLS. */
  readonly plaintext: boolean;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Called once there is a connection, before anything is sent; what it throws ends the call. */
  readonly onSending: () => void;
}

export type UnaryAnswer =
  | { readonly outcome: "answered"; readonly bytes: Uint8Array }
  /** `name` of the status, and what the server says of it. */
  | { readonly outcome: "refused"; readonly name: string; readonly details: string };

/** Throws the signal's reason, and HOST_UNREACHABLE without an effect where there is no connection. */
export async function callUnary(call: UnaryCall, signal: AbortSignal): Promise<UnaryAnswer> {
  const { address, plaintext, timeoutMs, onSending } = call;
  const client = new Client(
    address.target,
    plaintext ? ChannelCredentials.createInsecure() : trusted(),
    optionsOf(address),
  );
  try {
    const untilMs = Date.now() + timeoutMs;
    await unlessAborted(() => connected(client, address, untilMs), signal);
    onSending();
    return await send(client, call, untilMs, signal);
  } finally {
    client.close();
  }
}

/** As all of Node does; the library by itself goes by a variable of its own. */
function trusted(): ChannelCredentials {
  return ChannelCredentials.createFromSecureContext(createSecureContext());
}

function optionsOf({ host, port }: CheckedAddress) {
  const name = isIP(host) === 6 ? `[${host}]` : host;
  return {
    "grpc.default_authority": `${name}:${port}`,
    ...(isIP(host) === 0 ? { "grpc.ssl_target_name_override": host } : {}),
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.max_receive_message_length": MAX_ANSWER_BYTES,
    "grpc.max_send_message_length": -1,
  };
}

/** The first try counts: whether another one follows is for the gate to say. */
async function connected(client: Client, { host, port }: CheckedAddress, untilMs: number): Promise<void> {
  const channel = client.getChannel();
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return;
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
      const why = "nothing answers there, or its certificate is not trusted";
      throw withoutEffect(new TransientFailure("HOST_UNREACHABLE", `${host}:${port}: no connection (${why})`));
    }
    await new Promise<void>((resolve) => channel.watchConnectivityState(state, untilMs, () => resolve()));
    if (Date.now() >= untilMs)
      throw withoutEffect(new TransientFailure("HOST_UNREACHABLE", `${host}:${port}: too slow`));
  }
}

function send(
  client: Client,
  { path, body, headers }: UnaryCall,
  untilMs: number,
  signal: AbortSignal,
): Promise<UnaryAnswer> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name.toLowerCase(), value);
  return new Promise((resolve, reject) => {
    const answer = (error: ServiceError | null, bytes?: Buffer): void => {
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (error !== null)
        resolve({ outcome: "refused", name: status[error.code] ?? "UNKNOWN", details: error.details });
      else resolve({ outcome: "answered", bytes: bytes ?? Buffer.alloc(0) });
    };
    const under = client.makeUnaryRequest(path, same, same, body, metadata, { deadline: untilMs }, answer);
    const stop = (): void => under.cancel();
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Messages are bytes here: what is in them is for others to say. */
function same(bytes: Buffer): Buffer {
  return bytes;
}
