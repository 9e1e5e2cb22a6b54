// What GitHub calls the repository of a source: `owner/name`, whatever transport its URL uses.
import type { SourceSpec } from "../../reconciler/environment-source.ts";
import { parseRepository } from "../../reconciler/source/git-url.ts";

/** `github`: the name of a repository that is read from a directory. */
export function nameOnGithub(spec: SourceSpec, github: string | undefined): string | undefined {
  return spec.kind === "folder" ? undefined : repositoryName(spec.repo, github);
}

export function repositoryName(repo: string, local: string | undefined): string | undefined {
  const parsed = parseRepository(repo);
  if (parsed.kind !== "remote") return local;
  return /[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(parsed.url)?.[1] ?? local;
}
