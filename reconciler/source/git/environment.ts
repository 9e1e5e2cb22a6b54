// The whole environment of every git child. Nothing is inherited, so no configuration, prompt, hook or helper of the
// machine or of the repository takes part.

import type { GitSetup } from "../git-setup.ts";
import type { Protocol } from "../git-url.ts";

export interface Remote {
  readonly url: string;
  readonly protocol: Protocol;
  readonly token?: string;
}

/** `gitDir` is named outright: git looks for no repository, and asks nobody whom the folder belongs to. */
export function gitEnvironment(setup: GitSetup, gitDir: string, remote?: Remote): Record<string, string> {
  return {
    PATH: setup.path,
    LC_ALL: "C",
    // Without a home there is no .netrc whose passwords could be sent. ssh takes its own from the user database.
    HOME: remote?.protocol === "ssh" && setup.home !== undefined ? setup.home : "/nonexistent",
    GIT_DIR: gitDir,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_LITERAL_PATHSPECS: "1",
    // The object that an id names, never one that refs/replace puts in its place.
    GIT_NO_REPLACE_OBJECTS: "1",
    // git 2.44 and later; before, GIT_ALLOW_PROTOCOL keeps a read from turning into a fetch.
    ...(remote === undefined ? { GIT_NO_LAZY_FETCH: "1" } : {}),
    GIT_ALLOW_PROTOCOL: remote?.protocol ?? "none",
    ...(remote?.protocol === "ssh" ? sshEnvironment(setup) : {}),
    ...incomingEnvironment(setup),
    ...configuration(remote),
  };
}

/** With the path of the quarantine git itself refuses to move a ref: what it holds may still be thrown away. */
function incomingEnvironment({ incoming }: GitSetup): Record<string, string> {
  if (incoming === undefined) return {};
  const { folder, alternates } = incoming;
  return {
    GIT_OBJECT_DIRECTORY: folder,
    GIT_QUARANTINE_PATH: folder,
    ...(alternates === "" ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: alternates }),
  };
}

function sshEnvironment(setup: GitSetup): Record<string, string> {
  return {
    GIT_SSH_COMMAND: "ssh -oBatchMode=yes -oConnectTimeout=20 -oPermitLocalCommand=no -oForwardAgent=no",
    GIT_SSH_VARIANT: "ssh",
    ...(setup.sshAgent === undefined ? {} : { SSH_AUTH_SOCK: setup.sshAgent }),
  };
}

/** Configuration by environment: it wins over the repository's own, and stands in no argv and no file. */
function configuration(remote: Remote | undefined): Record<string, string> {
  const entries: [string, string][] = [
    ["core.hooksPath", "/dev/null"],
    ["core.fsmonitor", "false"],
    ["core.askPass", ""],
    ["credential.helper", ""],
    ["log.showSignature", "false"],
    ["protocol.version", "2"],
    // A redirect would take our credentials to whatever host it names.
    ["http.followRedirects", "false"],
    ["http.lowSpeedLimit", "1"],
    ["http.lowSpeedTime", "30"],
    ["fetch.recurseSubmodules", "false"],
    // Housekeeping runs inside the fetch, under its lock and in its process group, or not at all.
    ["gc.autoDetach", "false"],
    ["maintenance.autoDetach", "false"],
    ...authorization(remote),
  ];
  return Object.fromEntries([
    ["GIT_CONFIG_COUNT", String(entries.length)],
    ...entries.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ]) as Record<string, string>;
}

/** GitHub's user name for tokens; GitLab and others take any. The header is bound to the origin of the URL. */
function authorization(remote: Remote | undefined): [string, string][] {
  if (remote?.token === undefined || remote.protocol === "ssh") return [];
  const basic = Buffer.from(`x-access-token:${remote.token}`).toString("base64");
  return [[`http.${new URL(remote.url).origin}/.extraHeader`, `Authorization: Basic ${basic}`]];
}

/** Text of a child without the token, as it is and as the header carries it. */
export function withoutToken(text: string, token: string | undefined): string {
  if (token === undefined || token === "") return text;
  const basic = Buffer.from(`x-access-token:${token}`).toString("base64");
  return text.replaceAll(token, "***").replaceAll(basic, "***");
}
