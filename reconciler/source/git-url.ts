// Which repositories may be read: an allow-list of addresses, decided here before git starts. Pure.
// git's own parsers are lenient (`ext::sh -c …`, `ssh://-oProxyCommand=…`), so nothing reaches them unparsed.
import { fileURLToPath } from "node:url";
import { isPlainText } from "./files/plain-text.ts";

/** The transports that a child may be allowed; a repository on this machine needs none. */
export type Protocol = "https" | "http" | "ssh";

export type RepositoryAddress =
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "remote"; readonly url: string; readonly protocol: Protocol }
  /** `message` never repeats the address: it may carry a password. */
  | { readonly kind: "refused"; readonly message: string };

const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])$/;
const USER = /^[A-Za-z0-9_][A-Za-z0-9._+-]*$/;
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//;
const HELPER = /^([A-Za-z0-9][A-Za-z0-9+.-]*)::/;
/** As git decides it: a colon before the first slash means a host. */
const SCP = /^(?:([^@/:]*)@)?(\[[^\]/]*\]|[^/:[]*):(.*)$/;
const SCP_PASSWORD = /^[^/@:]+:[^/]*@/;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** What `--repo` names. Relative paths are left relative. */
export function parseRepository(text: string): RepositoryAddress {
  if (text === "") return refused("no repository is named");
  if (!isPlainText(text)) return refused("the address of the repository holds control or invisible characters");
  if (text.startsWith("-")) return refused("the address of the repository begins with `-`, as an option does");
  const helper = HELPER.exec(text)?.[1];
  if (helper !== undefined) return refused(`\`${helper}::\` would run a helper program; ${ALLOWED}`);
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined) return parseUrl(scheme, text);
  const scp = SCP.exec(text);
  return scp === null ? { kind: "local", path: text } : parseScp(text, scp);
}

const ALLOWED = "use https://, ssh://, user@host:path, file:// or a path";

function parseUrl(scheme: string, text: string): RepositoryAddress {
  if (text.includes("\\")) return refused("the address of the repository holds a backslash");
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) return refused("the address of the repository is no valid URL");
  if (url.search !== "" || url.hash !== "") return refused("the address of the repository holds `?` or `#`");
  if (url.password !== "") return refused(CREDENTIALS);
  switch (scheme) {
    case "https":
    case "http":
      return parseHttp(scheme, url);
    case "ssh":
      return parseSsh(url);
    case "file":
      return parseFile(url);
    default:
      return refused(`\`${scheme}://\` is not allowed; ${ALLOWED}`);
  }
}

const CREDENTIALS =
  "the URL carries a user name or password; take it out and give a token through the environment, or use an ssh address";

function parseHttp(protocol: "https" | "http", url: URL): RepositoryAddress {
  if (url.username !== "") return refused(CREDENTIALS);
  if (!HOST.test(url.hostname)) return refused("the host of the URL is not a host name");
  if (protocol === "http" && !LOOPBACK.test(url.hostname)) {
    return refused(
      "`http://` is allowed for this machine only: anybody on the way could change the manifests; use https://",
    );
  }
  return { kind: "remote", protocol, url: `${protocol}://${url.host}${url.pathname}` };
}

function parseSsh(url: URL): RepositoryAddress {
  if (!HOST.test(url.hostname)) return refused("the host of the URL is not a host name");
  if (url.username !== "" && !USER.test(url.username)) return refused("the user of the URL is not a user name");
  const user = url.username === "" ? "" : `${url.username}@`;
  return { kind: "remote", protocol: "ssh", url: `ssh://${user}${url.host}${url.pathname}` };
}

function parseFile(url: URL): RepositoryAddress {
  if (url.username !== "" || url.host !== "")
    return refused("`file://` names a path on this machine: file:///srv/git/agents.git");
  try {
    const path = fileURLToPath(url);
    return isPlainText(path) ? { kind: "local", path } : refused("the file URL holds control or invisible characters");
  } catch (error) {
    // An encoded slash or a broken escape: the only ways in which this throws.
    if (error instanceof TypeError || error instanceof URIError) return refused("the file URL is not a valid path");
    throw error;
  }
}

function parseScp(text: string, [, user, host = "", path = ""]: RegExpExecArray): RepositoryAddress {
  if (SCP_PASSWORD.test(text)) return refused(CREDENTIALS);
  if (user !== undefined && !USER.test(user)) return refused("the user before `@` is not a user name");
  if (!HOST.test(host))
    return refused(`the part before \`:\` is not a host name; ${ALLOWED} (./name:x for a path with a colon)`);
  if (path === "" || path.startsWith("-")) return refused("the path after `:` is missing, or begins with `-`");
  return { kind: "remote", protocol: "ssh", url: text };
}

function refused(message: string): RepositoryAddress {
  return { kind: "refused", message };
}
