// What `auth` of Tools and McpServers has to hold, by its profile.
import { describe, expect, it } from "vitest";
import { reachOfServer } from "../../../contracts/reach.ts";
import { serverSpec } from "../../runner/mcp/servers.ts";
import { load, told } from "./files.ts";

const SECRET =
  "---\napiVersion: countwheel.dev/v1\nkind: Secret\nmetadata: {name: s}\nspec: {from: {value: {env: X}}}\n";
const TOOL = "kind: Tool\nmetadata: {name: t}\nspec:\n  endpoint: https://t.example/\n";
const HTTP = "kind: McpServer\nmetadata: {name: m}\nspec:\n  transport: http\n  endpoint: https://m.example/mcp\n";
const STDIO = "kind: McpServer\nmetadata: {name: m}\nspec:\n  transport: stdio\n  command: x\n";

const LOGIN = "profile: oauth2_authorization_code, secretRef: s";

async function problems(manifest: string, auth: string): Promise<string> {
  return told(await load(`apiVersion: countwheel.dev/v1\n${manifest}  auth: {${auth}}\n${SECRET}`)).join("\n");
}

describe("auth", () => {
  it.each([
    [
      "a key that signs",
      TOOL,
      "profile: private_key_jwt, secretRef: s, tokenURL: 'https://i.example/token', audience: 'https://i.example'",
    ],
    [
      "an assertion of the platform",
      TOOL,
      "profile: oauth2_jwt_bearer, secretRef: s, tokenURL: 'https://i.example/token', scopes: [a]",
    ],
    [
      "a login",
      HTTP,
      `${LOGIN}, tokenURL: 'https://i.example/token', issuer: 'https://i.example', client_id: me, scopes: [a]`,
    ],
  ])("is right with %s", async (_what, manifest, auth) => {
    expect(await problems(manifest, auth)).toBe("");
  });

  it.each([
    ["a place of tokens", TOOL, "profile: private_key_jwt, secretRef: s", "`private_key_jwt` needs `tokenURL`"],
    ["a place of tokens", HTTP, LOGIN, "`oauth2_authorization_code` needs `tokenURL`"],
    ["no audience where nothing is signed", TOOL, "secretRef: s, audience: a", "`audience` is for `private_key_jwt`"],
    ["no issuer where nobody logs in", HTTP, "secretRef: s, issuer: a", "`issuer` is for `oauth2_authorization_code`"],
    ["an http server for a login", STDIO, `${LOGIN}, tokenURL: x`, "a person can log in at an `http` server only"],
    ["an MCP server for a login", TOOL, `${LOGIN}, tokenURL: x`, "oauth2_authorization_code"],
    [
      "no credential of its own",
      HTTP,
      "secretRef: s, client_secret: hunter2",
      "`client_secret` is not a field of McpServer.spec.auth",
    ],
  ])("needs %s", async (_what, manifest, auth, said) => {
    expect(await problems(manifest, auth)).toContain(said);
  });
});

it("the place of tokens of a login is among what a server reaches, for the plan and for rules on egress", () => {
  const auth = { profile: "oauth2_authorization_code", secret_ref: "s", token_url: "https://i.example/token" };
  const spec = serverSpec({ transport: "http", endpoint: "https://m.example/mcp", auth });
  expect(reachOfServer(spec, { namespace: "default", hasSecret: () => true })).toEqual({
    secrets: ["default/s"],
    reaches: ["https://m.example/mcp", "https://i.example/token"],
  });
});
