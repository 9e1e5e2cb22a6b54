// One transaction with a PostgreSQL server: a connection of its own to an address that was checked, over TLS unless it is
// this machine, with a bound on every statement. Translates the driver's errors once.
import { isIP, Socket } from "node:net";
import type { Client, ClientConfig, QueryResultRow } from "pg";
import { PermanentFailure, TransientFailure, withoutEffect } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import { judgedAddresses, type Outbound } from "../../tools/checked-request.ts";
import { unlessAborted } from "../../unless-aborted.ts";
import { MEMORY_LIMITS } from "../limits.ts";
import type { PostgresPlace } from "./postgres-place.ts";

export interface PostgresServer {
  readonly label: string;
  readonly place: () => Promise<PostgresPlace>;
  readonly outbound: (url: URL) => Outbound;
}

/** Runs one statement; what it is about is always a parameter. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly QueryResultRow[]>;

/** All of `work`, or nothing. Throws MEMORY_AUTH, MEMORY_REFUSED, MEMORY_TIMEOUT, MEMORY_UNAVAILABLE, or what `work` throws. */
export async function inTransaction<T>(
  server: PostgresServer,
  signal: AbortSignal,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const place = await server.place();
  const address = await checkedAddress(place.host, server.outbound);
  const socket = new Socket();
  const { Client } = (await import("pg")).default;
  const client = new Client(configOf(place, address, socket));
  // Else an error that comes between two statements ends the process.
  client.on("error", () => undefined);
  try {
    return await unlessAborted(() => carryOut(server.label, client, work), signal);
  } finally {
    // The transaction is over, or is not to be: nothing is awaited that the server could hold up.
    socket.destroy();
  }
}

async function carryOut<T>(label: string, client: Client, work: (query: Query) => Promise<T>): Promise<T> {
  await connect(label, client);
  const query: Query = async (sql, values = []) => {
    try {
      return (await client.query<QueryResultRow>(sql, [...values])).rows;
    } catch (error) {
      throw translate(label, error);
    }
  };
  await query("BEGIN");
  await query(`SET LOCAL statement_timeout = ${MEMORY_LIMITS.statementMs}`);
  await query(`SET LOCAL lock_timeout = ${MEMORY_LIMITS.statementMs}`);
  const answer = await work(query);
  await query("COMMIT");
  return answer;
}

async function connect(label: string, client: Client): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    const failure = translate(label, error);
    throw failure instanceof TransientFailure ? withoutEffect(failure) : failure;
  }
}

/** As for every address that a manifest names: a name that leads inside is refused, unless the runner allows it. */
async function checkedAddress(host: string, outbound: PostgresServer["outbound"]): Promise<string> {
  const literal = isIP(host) === 6 ? `[${host}]` : host;
  const [first] = await judgedAddresses(host, outbound(new URL(`http://${literal}`)));
  return first?.address ?? host;
}

/** Everything is said that the driver would otherwise look for in the environment or in files of the home folder. */
function configOf(place: PostgresPlace, address: string, socket: Socket): ClientConfig {
  const { host, port, user, password, database } = place;
  return {
    host: address,
    port,
    user,
    password: () => password,
    database,
    ssl: usesTls(place, address) ? { servername: isIP(host) === 0 ? host : "", rejectUnauthorized: true } : false,
    stream: () => socket,
    application_name: "countwheel",
    options: "-c client_min_messages=warning",
    connectionTimeoutMillis: MEMORY_LIMITS.connectMs,
    query_timeout: MEMORY_LIMITS.statementMs + MEMORY_LIMITS.connectMs,
  };
}

export function usesTls({ tls }: Pick<PostgresPlace, "tls">, address: string): boolean {
  if (tls !== "default") return tls === "require";
  return !(address === "::1" || address.startsWith("127."));
}

/** What TLS says of a certificate: it will say the same again. */
const UNTRUSTED = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER))/;

/** By SQLSTATE. The driver's own failures have none of these. */
function translate(label: string, error: unknown): PermanentFailure | TransientFailure {
  if (error instanceof PermanentFailure || error instanceof TransientFailure) return error;
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  const said = error instanceof Error ? cutText(error.message, 300) : "no message";
  const options = { cause: error };
  if (/^(28|42501$|3D000$)/.test(code)) {
    return new PermanentFailure(
      "MEMORY_AUTH",
      `${label}: its PostgreSQL refused the credentials or the database (${code})`,
    );
  }
  if (code === "57014" || code === "55P03") {
    const message = `${label}: its PostgreSQL did not finish within ${MEMORY_LIMITS.statementMs} ms`;
    return new TransientFailure("MEMORY_TIMEOUT", message, options);
  }
  if (UNTRUSTED.test(code)) {
    const mend =
      "Trust its authority on the runner (NODE_EXTRA_CA_CERTS), or name the host that the certificate is for";
    return new PermanentFailure(
      "MEMORY_AUTH",
      `${label}: the certificate of its PostgreSQL is not trusted (${code}). ${mend}`,
    );
  }
  const isOfServer = /^(08|40|53|57|58|XX)/.test(code) || !/^[0-9A-Z]{5}$/.test(code);
  if (isOfServer) {
    return new TransientFailure("MEMORY_UNAVAILABLE", `${label}: its PostgreSQL cannot be used: ${said}`, options);
  }
  return new PermanentFailure(
    "MEMORY_REFUSED",
    `${label}: its PostgreSQL refused a statement (${code}): ${said}`,
    options,
  );
}
