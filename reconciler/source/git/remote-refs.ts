// Asks a server what its refs point at: `ls-remote`, one round trip, nothing fetched.
import type { GitSetup } from "../git-setup.ts";
import { SOURCE_LIMITS } from "../limits.ts";
import type { Remote } from "./environment.ts";
import { unavailableFromGit } from "./failure.ts";
import type { ResolvedRef } from "./local-ref.ts";
import { refNotFound } from "./near-ref.ts";
import { runGit } from "./process.ts";
import type { ValidRef } from "./ref.ts";

export interface RemoteRepository {
  readonly git: GitSetup;
  readonly remote: Remote;
  readonly signal: AbortSignal;
}

/**
 * The ref and its commit as the server tells them; undefined where it has no such name. A commit id cannot be asked
 * for: it comes back as it is, unproven, an abbreviated one as undefined.
 */
export async function findRemoteRef(repository: RemoteRepository, request: ValidRef): Promise<ResolvedRef | undefined> {
  switch (request.kind) {
    case "head":
      return findHead(await listRemote(repository, ["--symref"], ["HEAD"]));
    case "commit":
      return { ref: request.sha, sha: request.sha };
    case "names": {
      // A remote-tracking branch is a matter of clones; servers are asked for branches and tags.
      const names = request.names.filter((name) => !name.startsWith("refs/remotes/") || request.names.length === 1);
      const refs = shasByName(
        await listRemote(
          repository,
          [],
          names.flatMap((name) => [name, `${name}^{}`]),
        ),
      );
      const ref = names.find((name) => refs.has(name));
      const sha = ref === undefined ? undefined : (refs.get(`${ref}^{}`) ?? refs.get(ref));
      return ref === undefined || sha === undefined ? undefined : { ref, sha };
    }
  }
}

/** The refusal for a name that the server does not have, with the nearest one that it has. */
export async function remoteRefNotFound(repository: RemoteRepository, ref: string): Promise<Error> {
  const lines = await listRemote(repository, ["--heads", "--tags", "--refs"], []);
  const names = [...shasByName(lines).keys()].map((name) => name.replace(/^refs\/(?:heads|tags)\//, ""));
  return refNotFound(ref, repository.remote.url, names);
}

function findHead(lines: readonly string[]): ResolvedRef | undefined {
  const sha = shasByName(lines).get("HEAD");
  const ref = lines.map((line) => /^ref: (\S+)\tHEAD$/.exec(line)?.[1]).find((name) => name !== undefined);
  return sha === undefined ? undefined : { ref: ref ?? "HEAD", sha };
}

async function listRemote(
  { git, remote, signal }: RemoteRepository,
  options: readonly string[],
  patterns: readonly string[],
): Promise<readonly string[]> {
  const exit = await runGit({
    git,
    // Outside of every repository: no configuration of the folder that we happen to stand in.
    gitDir: "/dev/null",
    remote,
    args: ["ls-remote", "--quiet", ...options, "--", remote.url, ...patterns],
    timeoutMs: SOURCE_LIMITS.listRemoteMs,
    maxBytes: SOURCE_LIMITS.listingBytes,
    signal,
  });
  if (exit.code !== 0) throw unavailableFromGit(remote.url, exit.stderr);
  return exit.stdout.toString("utf8").split("\n");
}

/** Patterns match the end of a name, so callers look up exact names. */
function shasByName(lines: readonly string[]): ReadonlyMap<string, string> {
  const pairs = lines.map((line) => /^([0-9a-f]{40,64})\t(.+)$/.exec(line));
  return new Map(pairs.flatMap((match) => (match?.[1] && match[2] ? [[match[2], match[1]] as const] : [])));
}
