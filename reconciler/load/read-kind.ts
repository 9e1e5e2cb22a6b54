// Decides what a document is: a manifest of ours, somebody else's document, or a mistake.
//
// Folders of Orloj manifests also hold Kubernetes objects, CRDs, compose files and kinds of Orloj that Countwheel does
// not have. These are named in a warning and skipped; they are never counted as manifests. Two cases are errors, because
// skipping them would lose what the author wrote for us: a kind that is nearly one of ours, and anything unknown under
// `countwheel.dev/…`.
import { distance } from "fastest-levenshtein";
import { KIND_NAMES, type KindName } from "../../contracts/address.ts";
import { readKind } from "../../contracts/kinds.ts";
import type { ApiVersion } from "../../contracts/manifest.ts";
import type { ProblemCode } from "../../contracts/problem.ts";
import { readApiVersion } from "../../contracts/spellings.ts";
import { quote } from "./finding.ts";
import { nearMatch } from "./near-match.ts";

export interface Remark {
  readonly severity: "error" | "warning";
  readonly code: ProblemCode;
  readonly summary: string;
  readonly detail: string;
  readonly about: "kind" | "apiVersion";
}

export type KindAnswer =
  | { readonly outcome: "ours"; readonly kind: KindName; readonly apiVersion: ApiVersion; readonly remark?: Remark }
  /** Skipped; `isManifest`: it was meant for us. */
  | { readonly outcome: "skipped"; readonly isManifest: boolean; readonly remark: Remark };

/** Kinds of Orloj that Countwheel has nothing for. */
const ORLOJ_ONLY = ["SealedSecret", "TaskApproval", "ContextAdapter", "EvalDataset", "EvalRun", "Session"];

export interface Envelope {
  readonly kind: string | undefined;
  readonly apiVersion: string | undefined;
  readonly hasSpec: boolean;
}

export function decideKind({ kind, apiVersion, hasSpec }: Envelope): KindAnswer {
  const version = readApiVersion(apiVersion);
  if (kind === undefined || kind.trim() === "") return withoutKind(apiVersion, version.outcome !== "foreign");
  if (version.outcome === "unknown") {
    const detail = `Did you mean \`${version.nearest}\`?`;
    return refused("UNKNOWN_API_VERSION", "apiVersion", `${quote(apiVersion ?? "")} is not known`, detail);
  }
  if (version.outcome === "foreign") return foreign(kind, apiVersion);
  const known = readKind(kind);
  if (known === undefined) return unknownKind(kind, version.apiVersion);
  // The one kind that Kubernetes has as well: its Secret holds the data beside `metadata`.
  if (known === "Secret" && version.outcome === "assumed" && !hasSpec) return foreign(kind, apiVersion);
  if (version.outcome === "known") return { outcome: "ours", kind: known, apiVersion: version.apiVersion };
  const summary = `${quote(apiVersion ?? "")} is read as \`orloj.dev/v1\``;
  const detail = "Write `apiVersion: orloj.dev/v1`, or `countwheel.dev/v1` for strict checks.";
  const remark: Remark = { severity: "warning", code: "UNKNOWN_API_VERSION", summary, detail, about: "apiVersion" };
  return { outcome: "ours", kind: known, apiVersion: version.apiVersion, remark };
}

function withoutKind(apiVersion: string | undefined, mayBeOurs: boolean): KindAnswer {
  if (apiVersion !== undefined && mayBeOurs && /^(?:orloj|countwheel)\.dev/.test(apiVersion.trim())) {
    return refused("SCHEMA", "apiVersion", "`kind` is missing", `Write one of ${KIND_NAMES.join(", ")}.`);
  }
  return skipped("NOT_A_MANIFEST", "the document has no `kind` and is skipped", "");
}

function foreign(kind: string, apiVersion: string | undefined): KindAnswer {
  return skipped(
    "UNKNOWN_KIND",
    `${quote(kind)} of ${quote(apiVersion ?? "")} is skipped: it is not for Countwheel`,
    "",
  );
}

function unknownKind(kind: string, apiVersion: ApiVersion): KindAnswer {
  const wanted = kind.trim().toLowerCase();
  if (ORLOJ_ONLY.some((name) => name.toLowerCase() === wanted)) {
    const detail = "Orloj has this kind; Countwheel has no use for it, and nothing of it takes effect.";
    return skipped("UNKNOWN_KIND", `${quote(kind)} is skipped: Countwheel does not have this kind`, detail);
  }
  const near = nearMatch(kind, KIND_NAMES);
  if (near !== undefined && isSlip(wanted, near)) {
    return refused("UNKNOWN_KIND", "kind", `${quote(kind)} is not a kind`, `Did you mean \`${near}\`?`);
  }
  if (apiVersion === "countwheel.dev/v1") {
    return refused("UNKNOWN_KIND", "kind", `${quote(kind)} is not a kind`, `Kinds are ${KIND_NAMES.join(", ")}.`);
  }
  return skipped("UNKNOWN_KIND", `${quote(kind)} is skipped: it is not a kind of Countwheel`, "");
}

/**
 * `Agnet`, `Tasks` and `ToolPermision` are slips; `Mask`, `Test` and `AgentPool` are kinds of others. Short words are near
 * to many, so for them only one letter too many, too few or wrong, or two letters exchanged, is a slip.
 */
function isSlip(wanted: string, near: string): boolean {
  const kind = near.toLowerCase();
  const far = distance(wanted, kind);
  if (kind.length > 6) return far <= 2;
  return wanted[0] === kind[0] && (far <= 1 || (far <= 2 && sortedLetters(wanted) === sortedLetters(kind)));
}

function sortedLetters(text: string): string {
  return Array.from(text).toSorted().join("");
}

function refused(code: ProblemCode, about: Remark["about"], summary: string, detail: string): KindAnswer {
  return { outcome: "skipped", isManifest: true, remark: { severity: "error", code, summary, detail, about } };
}

function skipped(code: ProblemCode, summary: string, detail: string): KindAnswer {
  return {
    outcome: "skipped",
    isManifest: false,
    remark: { severity: "warning", code, summary, detail, about: "kind" },
  };
}
