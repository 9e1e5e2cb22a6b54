// What a person is shown before they log in at an MCP server, and after. All of it but our own words is a stranger's.
import { oneLine, shorten } from "../../reconciler/plan/inert.ts";
import type { LoginOffer } from "../../runner/login.ts";
import type { Grant } from "../../runner/secrets/grant.ts";

const LONGEST = 300;

export function offerText(server: string, offer: LoginOffer): string {
  const rows: readonly (readonly [string, string])[] = [
    ["server", offer.endpoint],
    ["issuer", offer.issuer],
    ["asks you at", offer.authorizationUrl],
    ["tokens from", offer.tokenUrl],
    ["good for", offer.resource ?? "whatever the issuer thinks (the server names no resource)"],
    ["scopes", offer.scopes.length === 0 ? "those that the issuer gives by itself" : offer.scopes.join(" ")],
    ["client", clientText(offer)],
    ["tokens", offer.isBound ? "bound to a key of this login (DPoP)" : "good for whoever has them"],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(12)} ${shorten(oneLine(value), LONGEST)}`);
  return `McpServer ${server} wants a person to log in, once, for all runners:\n${lines.join("\n")}`;
}

function clientText({ client }: LoginOffer): string {
  switch (client.how) {
    case "new":
      return "Countwheel, which registers itself at the issuer now";
    case "known":
    case "document":
      return client.id;
  }
}

/** What the person should know of what they got. */
export function grantRemarks(offer: LoginOffer, grant: Grant): readonly string[] {
  const missing = offer.scopes.filter((scope) => !grant.scopes.includes(scope) && scope !== "offline_access");
  const end = grant.expires_at === undefined ? "some time" : grant.expires_at;
  return [
    ...(missing.length === 0 ? [] : [`Not given: the scopes ${shorten(oneLine(missing.join(" ")), LONGEST)}.`]),
    ...(grant.refresh_token === undefined
      ? [`The issuer gave no refresh token: this login is good until ${end}, and then somebody logs in again.`]
      : []),
  ];
}
