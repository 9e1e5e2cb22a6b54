// Finds the approval that a person names, as `task.id`, `namespace/task.id` or `id`, or says which name comes near.
import { closest } from "fastest-levenshtein";
import { DEFAULT_NAMESPACE, isName } from "../contracts/address.ts";
import { isApprovalId, parseApprovalName } from "../contracts/approval.ts";
import { PermanentFailure } from "../contracts/failure.ts";
import { type KnownApproval, listApprovals, readApprovals } from "../store/approvals/read-approvals.ts";
import type { Redis } from "../store/connect.ts";

export interface ApprovalQuery {
  readonly env: string;
  readonly approval: string;
  readonly namespace?: string;
}

/** Throws PermanentFailure APPROVAL_NOT_FOUND. */
export async function findApproval(redis: Redis, query: ApprovalQuery): Promise<KnownApproval> {
  const { env } = query;
  const [first = "", second] = query.approval.split("/");
  const namespace = second === undefined ? (query.namespace ?? DEFAULT_NAMESPACE) : first;
  const named = parseApprovalName(second ?? first);
  if (named !== undefined && isName(namespace) && isName(named.task)) {
    const approvals = await readApprovals(redis, { env, namespace, name: named.task });
    const found = approvals.find(({ id }) => id === named.id);
    if (found !== undefined) return found;
  }
  const all = await listApprovals(redis, env);
  const [only, ...others] = isApprovalId(query.approval) ? all.filter(({ id }) => id === query.approval) : [];
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined) throw ambiguous(query, [only, ...others]);
  const names = all.filter(({ phase }) => phase === "Pending").map(({ name }) => name);
  const hint = names.length === 0 ? "Nothing waits for one." : `Did you mean \`${closest(query.approval, names)}\`?`;
  throw new PermanentFailure(
    "APPROVAL_NOT_FOUND",
    `no approval \`${query.approval}\` in environment \`${env}\`. ${hint}`,
  );
}

/** 40 bits tell the questions of one task apart, not those of all of them. */
function ambiguous({ approval }: ApprovalQuery, found: readonly KnownApproval[]): PermanentFailure {
  const names = found.map(({ namespace, name }) => `\`${namespace}/${name}\``).join(" and ");
  return new PermanentFailure("APPROVAL_AMBIGUOUS", `\`${approval}\` is ${names}: say which`);
}
