// Where a `pgvector` memory is: read from its manifest and its Secret. What else a connection string may say, it may not
// here: some of it names files of the runner.
import { PermanentFailure } from "../../../contracts/failure.ts";
import type { MemorySpec } from "../../../contracts/kinds/memory.ts";
import type { Secrets } from "../../secrets/secrets.ts";

export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** `default`: TLS with a certificate that is verified, but for this machine. */
  readonly tls: "default" | "require" | "disable";
}

export interface PostgresSource {
  readonly namespace: string;
  /** For people: `Memory default/notes`. */
  readonly label: string;
  readonly spec: MemorySpec;
  readonly secrets: Secrets;
}

/**
 * The whole address stands in `endpoint_secret_ref`, or in `auth.secret_ref` where there is no `endpoint`; beside an
 * `endpoint` the latter holds the password. Throws PermanentFailure: ENDPOINT_INVALID, or what a secret throws.
 */
export async function readPlace({ namespace, label, spec, secrets }: PostgresSource): Promise<PostgresPlace> {
  const { endpoint, endpoint_secret_ref: whole, auth } = spec;
  const resolve = (reference: string): Promise<string> => secrets.resolve(reference, namespace, label);
  const secret = auth?.secret_ref === undefined ? undefined : await resolve(auth.secret_ref);
  const address = whole === undefined ? (endpoint ?? secret) : await resolve(whole);
  if (address === undefined) throw invalid(label, "it names neither an `endpoint` nor a Secret that holds one");
  const place = parsePlace(label, address, endpoint === undefined ? undefined : secret);
  // Of the whole address only this part could stand somewhere else.
  if (place.password !== "") secrets.note(place.password);
  return place;
}

/** Never quotes the text: a password stands in it. */
export function parsePlace(label: string, text: string, password: string | undefined): PostgresPlace {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
  if (url === undefined || !/^postgres(ql)?:$/.test(url.protocol))
    throw invalid(label, "it is no `postgres://` address");
  const [user, database] = [decoded(url.username), decoded(url.pathname.slice(1))];
  if (url.hostname === "" || user === "" || database === "")
    throw invalid(label, "it lacks a host, a user or a database");
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? 5432 : Number(url.port),
    user,
    password: password ?? decoded(url.password),
    database,
    tls: readTls(label, url.searchParams),
  };
}

function readTls(label: string, options: URLSearchParams): PostgresPlace["tls"] {
  const other = [...options.keys()].find((name) => name !== "sslmode");
  if (other !== undefined) throw invalid(label, `the option \`${other}\` is not known here; there is \`sslmode\``);
  const mode = options.get("sslmode");
  switch (mode) {
    case null:
      return "default";
    case "disable":
      return "disable";
    case "require":
    case "verify-ca":
    case "verify-full":
      return "require";
    default:
      throw invalid(label, "its `sslmode` is neither disable, require, verify-ca nor verify-full");
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A password with a bare `%` means itself.
    return text;
  }
}

function invalid(label: string, why: string): PermanentFailure {
  const form = "Write it like `postgres://user:password@host:5432/database`";
  return new PermanentFailure(
    "ENDPOINT_INVALID",
    `${label}: the address of its PostgreSQL cannot be used: ${why}. ${form}`,
  );
}
