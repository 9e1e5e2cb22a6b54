// Whether the commits that are about to be applied were signed by somebody who may: judged by git itself, by the signers
// of the base, never by those of the commits that are judged.
import type { EnvironmentSettings, SignatureMode } from "../../contracts/environment.ts";
import { unavailableFromGit } from "./git/failure.ts";
import { askGit, type LocalRepository } from "./git/local.ts";
import { commitOf } from "./git/local-ref.ts";
import { runGit } from "./git/process.ts";
import { SOURCE_LIMITS } from "./limits.ts";
import { locateRepository, type RepositoryOptions } from "./locate-repository.ts";
import { type KeyRoom, withKeyRoom } from "./signatures/key-room.ts";
import { readSigners } from "./signatures/read-signers.ts";
import { holdsKey, type Signers, signingKey } from "./signatures/signers.ts";
import { failWhereUnavailable } from "./unavailable.ts";

/** `signer`: as the list names them; of a bad commit the key's fingerprint where there is one. `sha` null: no commit. */
export type SignatureVerdict =
  | { readonly verdict: "good"; readonly signer: string }
  | { readonly verdict: "bad"; readonly sha: string | null; readonly signer: string | null; readonly why: string };

/** What an environment asks for, and where a list that was never applied is looked for. */
export interface SignatureRules {
  readonly mode: SignatureMode;
  readonly allowedSigners: EnvironmentSettings["signatures"]["allowedSigners"];
  /** The folder of the settings. */
  readonly folder: string;
}

/** A working tree: nobody can have signed it. */
export const UNSIGNED_TREE: SignatureVerdict = {
  verdict: "bad",
  sha: null,
  signer: null,
  why: "a working tree carries no signature; commit it, and plan the commit",
};

/** `to` null: what was planned is no commit. Answers null where no signatures are asked for. */
export async function verifySource(
  options: RepositoryOptions,
  { mode, allowedSigners, folder }: SignatureRules,
  { from, to }: { readonly from: string | null; readonly to: string | null },
): Promise<SignatureVerdict | null> {
  if (mode === "none") return null;
  if (to === null) return UNSIGNED_TREE;
  if (allowedSigners === null) return refuse(to, null, "the settings name no file of allowed signers");
  return failWhereUnavailable(async () => {
    const answer = await readSigners(options, { file: allowedSigners, folder, base: from });
    if (answer.outcome === "missing") return refuse(to, null, answer.why);
    const { gitDir } = await locateRepository(options);
    return judgeSignatures({ ...options, gitDir }, { mode, from, to, signers: answer.signers });
  });
}

interface JudgedCommits {
  readonly mode: Exclude<SignatureMode, "none">;
  /** The commit that was applied last; null before the first apply. */
  readonly from: string | null;
  readonly to: string;
  readonly signers: Signers;
}

/** Each takes two short processes. Whoever comes back to a branch after more than this applies a commit in between. */
const MOST_COMMITS = 1_000;

/**
 * `head` judges `to`. `range` judges every commit that `to` brings beyond `from`, those of merged branches too: what came
 * in by a merge was written by somebody as well. Before the first apply there is no range: the head speaks for it.
 * Answers the first bad commit, oldest first, or the signer of the head.
 */
function judgeSignatures(repository: LocalRepository, judged: JudgedCommits): Promise<SignatureVerdict> {
  return failWhereUnavailable(async () => {
    const range = await rangeOf(repository, judged);
    if ("verdict" in range) return range;
    const signatures = await withKeyRoom(judged.signers, (room) => readSignatures(repository, room, range.revisions));
    const bad = signatures.findLast(({ status }) => status !== GOOD);
    if (bad !== undefined) return verdictOfBad(await withKey(repository, bad), judged.signers);
    const head = signatures.find(({ sha }) => sha === judged.to);
    return head === undefined
      ? refuse(judged.to, null, "git told nothing of its signature")
      : { verdict: "good", signer: head.signer };
  });
}

type Range = { readonly revisions: readonly string[] };

async function rangeOf(
  repository: LocalRepository,
  { mode, from, to }: JudgedCommits,
): Promise<Range | SignatureVerdict> {
  if (mode === "head" || from === null) return { revisions: ["--no-walk", "--end-of-options", to] };
  if ((await commitOf(repository, from)) === undefined) {
    const why = `the commits since ${from.slice(0, 12)}, which was applied last, cannot be told: it is not in the repository`;
    return refuse(to, null, why);
  }
  const revisions = ["--end-of-options", to, `^${from}`];
  const count = Number(
    await askGit(repository, ["rev-list", "--count", `--max-count=${MOST_COMMITS + 1}`, ...revisions]),
  );
  if (count > MOST_COMMITS) return refuse(to, null, `there are more than ${MOST_COMMITS} commits since the last apply`);
  // Back on a commit that is older than the one applied last: nothing is new in it, and the head still has to be signed.
  return { revisions: count === 0 ? ["--no-walk", "--end-of-options", to] : revisions };
}

const GOOD = "G";

interface Signature {
  readonly sha: string;
  /** git's letter. */
  readonly status: string;
  readonly signer: string;
  /** A fingerprint: 40 hexadecimal digits, or `SHA256:…` of an SSH key. */
  readonly key: string;
}

const FORMAT = "--format=%H%x00%G?%x00%GS%x00%GF%x00%GK%x00";

/** Newest first, as git lists them. */
async function readSignatures(
  { git, gitDir, signal }: LocalRepository,
  { options, env }: KeyRoom,
  revisions: readonly string[],
): Promise<Signature[]> {
  const args = [...options, "log", "--topo-order", "--no-mailmap", "--no-decorate", FORMAT, ...revisions];
  const limits = { timeoutMs: SOURCE_LIMITS.localMs, maxBytes: SOURCE_LIMITS.listingBytes };
  const exit = await runGit({ git, gitDir, signal, args, env, ...limits });
  if (exit.code !== 0) throw unavailableFromGit(gitDir, exit.stderr);
  const fields = exit.stdout.toString("utf8").split("\0");
  return Array.from({ length: Math.floor(fields.length / 5) }, (_, index) => {
    const [sha = "", status = "", signer = "", key = "", keyId = ""] = fields.slice(index * 5, index * 5 + 5);
    return { sha: sha.trim(), status, signer, key: key === "" ? keyId : key };
  });
}

/** Of an SSH signature that does not verify git tells no key, so it is read from the signature itself. */
async function withKey(repository: LocalRepository, signature: Signature): Promise<Signature> {
  if (signature.status !== "B" || signature.key !== "") return signature;
  const commit = await askGit(repository, ["cat-file", "commit", signature.sha]);
  return { ...signature, key: signingKey(commit ?? "") ?? "" };
}

function verdictOfBad({ sha, status, signer, key }: Signature, signers: Signers): SignatureVerdict {
  const name = signer || key;
  return refuse(sha, name === "" ? null : name, whyBad(status, key, signers));
}

function whyBad(status: string, key: string, signers: Signers): string {
  if (key !== "" && holdsKey(signers.revoked, key)) return `its key ${key} is revoked`;
  switch (status) {
    case "N":
      return "it is not signed";
    case "B":
      return `its signature does not fit its content${holdsKey(signers.ssh, key) ? ", or its key is not listed for use with git" : ""}`;
    case "U":
      return holdsKey(signers.ssh, key)
        ? `its key ${key} is listed, but not for this time or use (valid-before, valid-after, namespaces)`
        : `its key ${key} is none of the allowed signers`;
    case "X":
      return "its signature has expired";
    case "Y":
      return `its key ${key} has expired`;
    case "R":
      return `its key ${key} is revoked`;
    default:
      return key === "" ? "its signature cannot be checked" : `its key ${key} is none of the allowed signers`;
  }
}

function refuse(sha: string | null, signer: string | null, why: string): SignatureVerdict {
  return { verdict: "bad", sha, signer, why };
}
