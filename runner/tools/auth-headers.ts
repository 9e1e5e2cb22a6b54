// The header that proves who calls, from the `auth` of a Tool or an McpServer.
import { PermanentFailure } from "../../contracts/failure.ts";
import type { ToolSpec } from "../../contracts/kinds/tool.ts";
import type { Secrets } from "../secrets/secrets.ts";

type Auth = NonNullable<ToolSpec["auth"]>;

const DEFAULT_KEY_HEADER = "X-API-Key";
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** `label` names the manifest for people. Without a `secret_ref` there is nothing to send. */
export async function authHeaders(
  auth: Auth | undefined,
  namespace: string,
  label: string,
  secrets: Secrets,
): Promise<Record<string, string>> {
  if (auth?.secret_ref === undefined) return {};
  const profile = auth.profile ?? "bearer";
  if (profile === "oauth2_client_credentials") {
    throw new PermanentFailure(
      "TOOL_AUTH_UNSUPPORTED",
      `${label}: auth profile \`${profile}\` is not supported yet; use bearer`,
    );
  }
  const value = await secrets.resolve(auth.secret_ref, namespace, label);
  const [name, text] = headerOf(profile, auth.header_name, value);
  // Line breaks would end the header; the message must not show the value.
  if (!HEADER_NAME.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(text)) {
    throw new PermanentFailure(
      "TOOL_AUTH_INVALID",
      `${label}: the value of \`${auth.secret_ref}\` cannot be sent in the header \`${name}\``,
    );
  }
  return { [name]: text };
}

function headerOf(
  profile: "bearer" | "api_key_header" | "basic",
  headerName: string | undefined,
  value: string,
): readonly [string, string] {
  switch (profile) {
    case "bearer":
      return ["Authorization", `Bearer ${value}`];
    case "basic":
      return ["Authorization", `Basic ${Buffer.from(value, "utf8").toString("base64")}`];
    case "api_key_header":
      return [headerName ?? DEFAULT_KEY_HEADER, value];
  }
}
