// `mcp login`: a person logs in at an MCP server once. What that gives is sealed for the runners and becomes a Secret that Git
// may hold; where it may be used stands in the server's manifest, for whoever reviews it.
import { resolve } from "node:path";
import { TransientFailure } from "../../contracts/failure.ts";
import type { McpServerSpec } from "../../contracts/kinds/mcp-server.ts";
import { specOf } from "../../contracts/kinds.ts";
import type { SealedPlace } from "../../contracts/sealed-text.ts";
import { readSecretRef } from "../../contracts/secret-ref.ts";
import type { LoadedManifest } from "../../reconciler/load/desired-set.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { sealedManifest } from "../../reconciler/secrets/write-sealed.ts";
import { findLogin, type LoginOffer, loginEndpoint } from "../../runner/login.ts";
import { lookingGround } from "../../runner/looking-ground.ts";
import { GRANT_KEY, type Grant, renderGrant } from "../../runner/secrets/grant.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { chooseServers, nameOf, readManifests } from "../mcp/declared-servers.ts";
import { type BrowserFlags, personAgrees } from "../mcp/person-agrees.ts";
import { type FieldValue, writeAuth } from "../mcp/write-field.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { readSecretValue } from "../read-secret.ts";
import { findRecipients, type RecipientFlags, sealValue } from "../seal-value.ts";
import { grantRemarks, offerText } from "../view/login-text.ts";
import { writeSealedFile } from "../write-sealed-file.ts";

export interface McpLoginOptions extends RecipientFlags, BrowserFlags {
  /** `name` or `namespace/name`. */
  readonly server: string;
  readonly path: string;
  readonly scope: readonly string[];
  readonly clientId?: string;
  /** `-`: typed, or from a pipe. */
  readonly clientSecretFile?: string;
  readonly secret?: string;
  /** The manifest file for the sealed login; absent: it is printed. */
  readonly write?: string;
  readonly yes: boolean;
  readonly output: OutputFormat;
}

export async function runMcpLogin(host: Host, options: McpLoginOptions): Promise<ExitCode> {
  const [server] = chooseServers(await readManifests(host, options.path), [options.server]);
  const spec = server === undefined ? undefined : specOf(server.manifest, "McpServer");
  if (server === undefined || spec === undefined)
    throw new UsageFailure(`no McpServer \`${options.server}\` is declared`);
  const { namespace, name } = server.manifest.metadata;
  loginEndpoint({ namespace, name, spec });
  const place = placeOf(server, spec, options.secret);
  const recipients = await findRecipients(host, options);
  if (typeof recipients === "number") return recipients;
  // Whoever it cannot be sealed for is told of before a person is asked.
  await sealValue(recipients, place, "");
  const { offer, grant } = await logIn(host, options, server, spec).catch((error: unknown) => {
    throw host.signal.aborted
      ? new TransientFailure("INTERRUPTED", "nobody logged in, and nothing was written")
      : error;
  });
  const sealed = await sealValue(recipients, place, renderGrant(grant));
  const auth = authOf(place, offer, options.clientId ?? spec.auth?.client_id);
  if (options.write !== undefined) {
    await writeSealedFile(host, options.write, place, sealed).catch((error: unknown) => {
      // A person was asked for it, and it is good: they put it where it belongs.
      host.stdout.write(sealedManifest(place, sealed));
      throw error;
    });
    await writeAuth(resolve(host.cwd, server.place.file), server, auth);
  }
  tell(host, options, { server, place, sealed, offer, grant, auth });
  return EXIT.ok;
}

async function logIn(
  host: Host,
  options: McpLoginOptions,
  { manifest }: LoadedManifest,
  spec: McpServerSpec,
): Promise<{ readonly offer: LoginOffer; readonly grant: Grant }> {
  const secret = await clientSecret(host, options);
  const client = { id: options.clientId ?? spec.auth?.client_id, secret };
  const { namespace, name } = manifest.metadata;
  const nothing = { variables: {}, variablePatterns: [], folders: [] };
  const ground = lookingGround({ secrets: nothing, cwd: host.cwd, allowedCommands: [], allowedImages: [] });
  const wish = { scopes: options.scope, client };
  const login = await findLogin({ namespace, name, spec }, wish, ground, host.signal);
  say(host, offerText(nameOf(manifest), login.offer));
  if (!options.yes && !(await host.confirm("Go on?")))
    throw new UsageFailure("nobody said yes, and nothing was sent; --yes says so beforehand");
  return { offer: login.offer, grant: await personAgrees(host, login, options) };
}

function clientSecret(host: Host, { clientSecretFile: file }: McpLoginOptions): Promise<string | undefined> {
  if (file === undefined) return Promise.resolve(undefined);
  return readSecretValue(host, file === "-" ? undefined : file, "The client's secret");
}

/** Where it was before, so that a second login takes the place of the first. */
function placeOf({ manifest }: LoadedManifest, { auth }: McpServerSpec, wanted: string | undefined): SealedPlace {
  const { namespace, name } = manifest.metadata;
  const before = auth?.profile === "oauth2_authorization_code" ? auth.secret_ref : undefined;
  const text = wanted ?? before ?? `${name}-login`;
  const [place] = text.includes(":") ? [] : readSecretRef(text, namespace);
  if (place === undefined)
    throw new UsageFailure(`\`${text}\` names no Secret: write \`name\` or \`namespace/name\`, without a key`);
  return { ...place, key: GRANT_KEY };
}

function authOf({ namespace, name }: SealedPlace, offer: LoginOffer, clientId: string | undefined): FieldValue {
  const { issuer, tokenUrl, scopes } = offer;
  const profile = "oauth2_authorization_code";
  const reference = namespace === "default" ? name : `${namespace}/${name}`;
  const rest = {
    issuer,
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(clientId === undefined ? {} : { client_id: clientId }),
  };
  return {
    written: { profile, secretRef: reference, tokenURL: tokenUrl, ...rest },
    meant: { profile, secret_ref: reference, token_url: tokenUrl, ...rest },
  };
}

interface LoggedIn {
  readonly server: LoadedManifest;
  readonly place: SealedPlace;
  readonly sealed: string;
  readonly offer: LoginOffer;
  readonly grant: Grant;
  readonly auth: FieldValue;
}

function tell(host: Host, { output, write }: McpLoginOptions, done: LoggedIn): void {
  const { server, place, sealed, offer, grant, auth } = done;
  for (const remark of grantRemarks(offer, grant)) say(host, remark);
  if (output === "json") printJson(host, answerOf(done, write));
  else if (write === undefined) host.stdout.write(sealedManifest(place, sealed));
  if (write !== undefined) {
    say(host, `${write} holds the login, sealed; ${server.place.file} says where it may be used.`);
    say(host, "Next: git diff, then commit both");
    return;
  }
  const text = renderYaml({ auth: auth.written });
  say(host, `Commit that Secret, and this under \`spec\` of McpServer ${nameOf(server.manifest)}:\n\n${text}`);
}

function answerOf({ server, place, sealed, grant, auth }: LoggedIn, write: string | undefined): object {
  const { namespace, name } = server.manifest.metadata;
  return {
    formatVersion: "1",
    server: { namespace, name },
    auth: auth.meant,
    scopes: grant.scopes,
    isRenewable: grant.refresh_token !== undefined,
    expiresAt: grant.expires_at ?? null,
    secret: { ...place, sealed },
    ...(write === undefined ? {} : { files: [write, server.place.file] }),
  };
}
