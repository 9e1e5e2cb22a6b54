// Rules of Memories that no schema can tell: what each provider needs.
import { keepsVectors } from "../../../contracts/embedding.ts";
import type { MemorySpec } from "../../../contracts/kinds/memory.ts";
import { didYouMean } from "../near-match.ts";
import type { Remarks } from "./remarks.ts";

const PROVIDERS: readonly string[] = ["in-memory", "redis", "pgvector", "http"];

export function checkMemory(spec: MemorySpec, remarks: Remarks): void {
  const { provider = "in-memory", endpoint, endpoint_secret_ref: secret } = spec;
  const hasAddress = endpoint !== undefined || secret !== undefined;
  if (!PROVIDERS.includes(provider)) {
    const hint = didYouMean(provider, PROVIDERS) || `There are ${PROVIDERS.join(", ")}.`;
    return remarks.complain("/provider", `there is no provider \`${provider}\``, hint);
  }
  if (provider === "redis" && hasAddress) {
    remarks.complain("/endpoint", "a `redis` memory is kept in the environment's own Redis", "Take `endpoint` away.");
  }
  if (provider === "http" && !hasAddress) remarks.complain("", "an `http` memory needs an `endpoint`");
  if (provider === "pgvector" && !hasAddress && spec.auth?.secret_ref === undefined) {
    const detail = "Name a Secret that holds `postgres://user:password@host/database`.";
    remarks.complain("", "a `pgvector` memory needs `auth.secretRef` or an `endpoint`", detail);
  }
  if (spec.embedding_model !== undefined && !keepsVectors(provider)) {
    const detail = "What is behind its `endpoint` searches as it likes, and makes its own vectors.";
    remarks.remark("/embedding_model", "`embedding_model` has no effect on an `http` memory", detail);
  }
}
