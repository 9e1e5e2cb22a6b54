// As which client a person logs in: one that is registered already, one whose URL describes it, or one that registers now
// (RFC 7591). No secret of a client is good at another authorization server than the one that the person was shown.
import type { OAuthClientInformationMixed } from "@modelcontextprotocol/client";
import { PermanentFailure, TransientFailure } from "../../../contracts/failure.ts";
import { cutText } from "../../bound-text.ts";
import type { LoginPlaces } from "./discover.ts";
import { foundFetch, type LoginServer } from "./found-fetch.ts";

/** `known`: registered beforehand. `document`: its id is the URL of its metadata. `new`: it registers. */
export type LoginClient =
  | { readonly how: "known"; readonly id: string; readonly secret: string | undefined }
  | { readonly how: "document"; readonly id: string }
  | { readonly how: "new" };

export interface KnownClient {
  readonly id: string | undefined;
  readonly secret: string | undefined;
}

/** Throws PermanentFailure LOGIN_CLIENT where there is no way. */
export async function chooseClient(
  label: string,
  { id, secret }: KnownClient,
  places: LoginPlaces,
): Promise<LoginClient> {
  const { metadata, issuer } = places;
  const { isHttpsUrl } = await import("@modelcontextprotocol/client");
  if (id !== undefined && isHttpsUrl(id)) {
    if (metadata?.client_id_metadata_document_supported === true) return { how: "document", id };
    throw new PermanentFailure(
      "LOGIN_CLIENT",
      `${label}: ${issuer} takes no URL as a client's id; register a client there`,
    );
  }
  if (id !== undefined) return { how: "known", id, secret };
  if (metadata === undefined || metadata.registration_endpoint !== undefined) return { how: "new" };
  const how =
    "register one there by hand (its redirect address: http://127.0.0.1:PORT/callback), and name it with --client-id and --port";
  throw new PermanentFailure("LOGIN_CLIENT", `${label}: ${issuer} lets no client register itself: ${how}`);
}

/** Registers where it must. */
export async function clientFor(
  server: LoginServer,
  client: LoginClient,
  places: LoginPlaces,
  asked: { readonly redirectUrl: string; readonly scope: string | undefined; readonly signal: AbortSignal },
): Promise<OAuthClientInformationMixed> {
  if (client.how === "document") return { client_id: client.id };
  if (client.how === "known")
    return { client_id: client.id, ...(client.secret === undefined ? {} : { client_secret: client.secret }) };
  const sdk = await import("@modelcontextprotocol/client");
  const { redirectUrl, scope, signal } = asked;
  const method = registeredMethod(places.metadata?.token_endpoint_auth_methods_supported);
  const clientMetadata = {
    client_name: "Countwheel",
    redirect_uris: [redirectUrl],
    response_types: ["code"],
    ...(method === undefined ? {} : { token_endpoint_auth_method: method }),
  };
  const { metadata } = places;
  try {
    return await sdk.registerClient(places.issuer, {
      ...(metadata === undefined ? {} : { metadata }),
      clientMetadata: sdk.resolveClientMetadata({ clientMetadata, redirectUrl }),
      ...(scope === undefined ? {} : { scope }),
      fetchFn: foundFetch(server, signal).fetch,
    });
  } catch (error) {
    if (error instanceof PermanentFailure || error instanceof TransientFailure) throw error;
    const status =
      error instanceof sdk.RegistrationRejectedError ? ` (${error.status}: ${cutText(error.body, 200)})` : "";
    throw new PermanentFailure(
      "LOGIN_CLIENT",
      `${server.label}: ${places.issuer} registers no client for us${status}`,
      {
        cause: error,
      },
    );
  }
}

/** Without a secret where that is enough: there is one thing less to keep. */
function registeredMethod(supported: readonly string[] | undefined): string | undefined {
  return ["none", "client_secret_basic", "client_secret_post"].find((method) => supported?.includes(method) === true);
}
