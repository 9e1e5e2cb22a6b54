// What a person may write to name a commit, and the full names that it can stand for. Pure.
import { isPlainText, showPlainly } from "../files/plain-text.ts";
import { SOURCE_LIMITS } from "../limits.ts";

export type RefRequest =
  | { readonly kind: "head" }
  /** Full names in order of preference: a branch wins over a tag that imitates it. `abbreviated`: it may be a commit id too. */
  | { readonly kind: "names"; readonly names: readonly string[]; readonly abbreviated: string | undefined }
  /** A whole commit id, in lower case. */
  | { readonly kind: "commit"; readonly sha: string }
  | { readonly kind: "refused"; readonly message: string };

export type ValidRef = Exclude<RefRequest, { kind: "refused" }>;

const WHOLE_SHA = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/i;
const SHORT_SHA = /^[0-9a-f]{4,63}$/i;
/** The rules of git-check-ref-format, and nothing of the revision grammar (`~1`, `^`, `@{…}`, `:path`). */
const FORBIDDEN = /[ ~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|^[-./]|[./]$|^@$/;

export function parseRef(text: string): RefRequest {
  if (text === "HEAD") return { kind: "head" };
  if (text === "" || text.length > SOURCE_LIMITS.refBytes || !isPlainText(text) || FORBIDDEN.test(text)) {
    const shown = showPlainly(text.slice(0, 80));
    const message = `\`${shown}\` names no branch, tag or commit; use a name such as \`main\`, \`v1\` or a commit id`;
    return { kind: "refused", message };
  }
  if (WHOLE_SHA.test(text)) return { kind: "commit", sha: text.toLowerCase() };
  if (text.startsWith("refs/")) return { kind: "names", names: [text], abbreviated: undefined };
  return {
    kind: "names",
    names: [`refs/heads/${text}`, `refs/tags/${text}`, `refs/remotes/${text}`],
    abbreviated: SHORT_SHA.test(text) ? text.toLowerCase() : undefined,
  };
}
