// Client credentials by a signed assertion: keys of each kind, verified as a token endpoint would, and where they must not go.
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ToolSpec } from "../../../../contracts/kinds/tool.ts";
import { reachOfTool } from "../../../../contracts/reach.ts";
import { resolveHost } from "../../../../runner/tools/checked-request.ts";
import { openCredentials } from "../../../../runner/tools/credentials.ts";
import { OAuthTokens } from "../../../../runner/tools/oauth-tokens.ts";
import { never, secretsWith } from "../../mcp/servers.ts";
import { answerJson, serve } from "../http-server.ts";

type Fields = Readonly<Record<string, unknown>>;

const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ED = generateKeyPairSync("ed25519");

function pem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

/** Gives a token for whatever is asked, and keeps the forms. */
async function giver() {
  const forms: Fields[] = [];
  const server = await serve((response, { body }) => {
    forms.push(Object.fromEntries(new URLSearchParams(body)));
    return answerJson(response, 200, { access_token: "given", token_type: "Bearer" });
  });
  return { url: `${server.url}/token`, forms, headers: () => server.asked.map(({ headers }) => headers.authorization) };
}

async function headersWith(auth: Fields, values: Readonly<Record<string, string>>) {
  const secrets = secretsWith({ "app:client_id": "me", ...values });
  const ground = {
    secrets,
    tokens: new OAuthTokens(() => 0),
    outbound: () => ({ allowPrivate: false, resolve: resolveHost }),
  };
  const spec = { profile: "private_key_jwt", secret_ref: "app", ...auth } as ToolSpec["auth"];
  const credentials = await openCredentials(spec, "default", "Tool default/t", ground);
  return { headers: await credentials.headers(never()), secrets };
}

function partsOf(assertion: unknown) {
  const [head = "", claims = "", signature = ""] = String(assertion).split(".");
  const read = (part: string): Fields => JSON.parse(Buffer.from(part, "base64url").toString());
  return {
    head: read(head),
    claims: read(claims),
    signed: Buffer.from(`${head}.${claims}`),
    signature: Buffer.from(signature, "base64url"),
  };
}

describe("a client with a private key", () => {
  it.each([
    ["EC", EC, "ES256", "sha256"],
    ["RSA", RSA, "RS256", "sha256"],
    ["Ed25519", ED, "Ed25519", null],
  ] as const)("signs with a key of the kind %s", async (_kind, pair, alg, hash) => {
    const from = await giver();
    const auth = { token_url: from.url, audience: "https://issuer.example", scopes: ["read"] };
    const { headers } = await headersWith(auth, { "app:private_key": pem(pair.privateKey) });
    expect(headers).toEqual({ Authorization: "Bearer given" });
    const [{ client_assertion: assertion, ...form } = {}] = from.forms;
    expect([form, from.headers()]).toEqual([
      {
        grant_type: "client_credentials",
        client_id: "me",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        scope: "read",
      },
      [undefined],
    ]);
    const { head, claims, signed, signature } = partsOf(assertion);
    expect(head).toMatchObject({ alg });
    expect(claims).toMatchObject({ iss: "me", sub: "me", aud: "https://issuer.example" });
    expect(Number(claims["exp"]) - Number(claims["iat"])).toBeLessThanOrEqual(60);
    const key = createPublicKey(pair.privateKey);
    expect(verify(hash, signed, { key, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
  });

  it("names the place of tokens where no audience is given, and its key where a JWK does", async () => {
    const from = await giver();
    const jwk = JSON.stringify({ ...EC.privateKey.export({ format: "jwk" }), kid: "k-1" });
    await headersWith({ token_url: from.url }, { "app:private_key": jwk });
    const { head, claims } = partsOf(from.forms[0]?.["client_assertion"]);
    expect([head["kid"], claims["aud"]]).toEqual(["k-1", from.url]);
  });

  it("refuses what is no key without a word of it, and a Secret that is named with a key", async () => {
    const from = await giver();
    const symmetric = JSON.stringify({ kty: "oct", k: "s3cr3tkey" });
    for (const text of ["s3cr3t", symmetric, "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----"]) {
      const refusal = headersWith({ token_url: from.url }, { "app:private_key": text });
      const error: unknown = await refusal.catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: "TOOL_AUTH_INVALID" });
      expect(String(error)).not.toContain("s3cr3t");
    }
    const keyed = headersWith({ token_url: from.url, secret_ref: "app:private_key" }, {});
    await expect(keyed).rejects.toMatchObject({ code: "TOOL_AUTH_INVALID" });
    expect(from.forms).toEqual([]);
  });

  it("counts the assertion and the token among what may be written nowhere", async () => {
    const from = await giver();
    const { secrets } = await headersWith({ token_url: from.url }, { "app:private_key": pem(EC.privateKey) });
    expect(secrets.knownValues()).toEqual(expect.arrayContaining(["given", from.forms[0]?.["client_assertion"]]));
  });

  it("is a workload by what its platform signed, asked about once where that is refused", async () => {
    const auth = { profile: "oauth2_jwt_bearer", scopes: ["read"] };
    const from = await giver();
    const given = { "app:assertion": "platform-canary" };
    const { headers } = await headersWith({ ...auth, token_url: from.url }, given);
    expect(headers).toEqual({ Authorization: "Bearer given" });
    const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    const form = { grant_type: grant, client_id: "me", assertion: "platform-canary", scope: "read" };
    expect([from.forms, from.headers()]).toEqual([[form], [undefined]]);
    const refusing = await serve((response, { body }) =>
      answerJson(response, 400, { error: "invalid_grant", error_description: body }),
    );
    const refusal: unknown = await headersWith({ ...auth, token_url: refusing.url }, given).catch(
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject({ code: "TOKEN_REFUSED" });
    expect([String(refusal), refusing.asked.length]).toEqual([expect.not.stringContaining("canary"), 1]);
  });

  it("is seen by policies on egress", () => {
    const auth = { profile: "private_key_jwt", secret_ref: "app", token_url: "https://t.example/" };
    const spec = { type: "http", endpoint: "https://a.example/", auth } as unknown as ToolSpec;
    expect(reachOfTool(spec, { namespace: "default", hasSecret: () => true })).toEqual({
      secrets: ["default/app"],
      reaches: ["https://a.example/", "https://t.example/"],
    });
  });
});
