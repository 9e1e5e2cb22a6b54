// Approvals: a call of a tool or a turn of a model that waits for a person, who may answer, and what is kept of the answer.
// Pure.
import type { ApprovalTerms, OperationClass, Reason } from "../policies/request.ts";
import { digestOf } from "./canonical.ts";
import type { ActivationId, TaskRef } from "./task.ts";

/**
 * Who says something, and how that is known. local: the machine's user, of whom access to Redis is all that is proven ·
 * github: a user whom GitHub authenticated · token: whoever holds the API token of this name.
 */
export interface Identity {
  readonly kind: "local" | "github" | "token";
  readonly name: string;
  /** Of a GitHub user: the number that stays theirs when their login changes. */
  readonly id?: number;
}

export const IDENTITY_KINDS: readonly Identity["kind"][] = ["local", "github", "token"];

/** `kind:name`, as policies name approvers. */
export function identityText({ kind, name }: Identity): string {
  return `${kind}:${name}`;
}

/**
 * A user of github.com is known by the login alone; one of another GitHub with its host, so that nobody becomes somebody by
 * asking elsewhere. `apiUrl`: of the API that said so.
 */
export function githubIdentity(
  apiUrl: string,
  { login, id }: { readonly login: string; readonly id: number },
): Identity {
  const { protocol, host } = new URL(apiUrl);
  const isGithubCom = protocol === "https:" && host === "api.github.com";
  return { kind: "github", name: isGithubCom ? login : `${login}@${host.replace(/^api\./, "")}`, id };
}

/** As identities are compared: logins of GitHub and names of tokens have no case, users of a machine do. */
function identityKey(text: string): string {
  return text.startsWith("local:") ? text : text.toLowerCase();
}

/**
 * Whether two identities may be one person's. A name that is the same under another kind counts: who wants two people is
 * served worse by one who comes twice than by two who happen to be called the same.
 */
function mayBeSame(a: Identity, b: Identity): boolean {
  const isSameUser = a.kind === b.kind && a.id !== undefined && a.id === b.id;
  return isSameUser || bareName(a) === bareName(b);
}

/** Without the host of another GitHub than github.com. */
function bareName({ name }: Identity): string {
  return name.toLowerCase().split("@", 1)[0] ?? "";
}

/** What a question is about: any difference in any of it makes an approval one of another call. */
export type Binding = Circumstances & (CalledTool | AskedModel);

interface Circumstances {
  readonly task: TaskRef;
  readonly activation: ActivationId;
  /** Of a turn its first: one answer of the model is approved, however often it has to be asked for it. */
  readonly step: string;
  /** Of the task's own policies, and of those of now where they are others. */
  readonly policyDigest: string;
  readonly livePolicyDigest: string | null;
}

export interface CalledTool {
  readonly tool: string;
  readonly argumentsDigest: string;
  readonly definitionDigest: string;
}

export interface AskedModel {
  /** What the provider calls it. */
  readonly model: string;
  readonly provider: string;
  /** `namespace/name` of its ModelEndpoint; null: there is none. */
  readonly endpoint: string | null;
  /** Of all that is sent: prompt, messages, tools, limits. */
  readonly requestDigest: string;
}

export function bindingDigest(binding: Binding): string {
  return digestOf(binding);
}

/** Pending: waits · Approved: not used yet · Used: its call, or its turn, has begun · Void: it is not waited for any more. */
export const APPROVAL_PHASES = ["Pending", "Approved", "Used", "Denied", "Expired", "Void"] as const;
export type ApprovalPhase = (typeof APPROVAL_PHASES)[number];

/** What a person sees of a call. `arguments` is redacted and bounded as in the trace. */
export interface ToolQuestion extends CalledTool {
  readonly about: "tool";
  readonly operationClasses: readonly OperationClass[];
  readonly arguments: unknown;
}

/** What a person sees of a turn. */
export interface ModelQuestion extends AskedModel {
  readonly about: "model";
  /** What it may take at most: all input, estimated, and the longest answer. */
  readonly reserveTokens: number;
  /** The same in millionths of a US dollar; null: the price is unknown. */
  readonly reserveMicroUsd: number | null;
  /** How many would be sent, and the last of them, redacted and bounded as in the trace. */
  readonly messages: number;
  readonly lastMessage: { readonly role: string; readonly text: string };
}

/** What is asked. Written once. */
export type ApprovalRequest = Question & (ToolQuestion | ModelQuestion);

interface Question {
  /** Unique within the task. People and commands say `<task>.<id>`. */
  readonly id: string;
  readonly activation: ActivationId;
  readonly agent: string;
  readonly turn: number;
  readonly step: string;
  /** See {@link bindingDigest}. */
  readonly binding: string;
  readonly decisionId: string;
  /** The rules that ask. */
  readonly reasons: readonly Reason[];
  readonly terms: ApprovalTerms;
  readonly requestedAt: string;
}

/** A person's answer. */
export interface ApprovalWord {
  readonly by: Identity;
  /** What they call themselves; nothing is decided from it. */
  readonly as?: string;
  readonly reason?: string;
  readonly at: string;
}

/** Names and digests of what is asked about, as events and entries of the audit log tell them. */
export function askedFacts(asked: ToolQuestion | ModelQuestion): Readonly<Record<string, unknown>> {
  switch (asked.about) {
    case "tool":
      return { tool: asked.tool, argumentsDigest: asked.argumentsDigest };
    case "model": {
      const { model, provider, endpoint, requestDigest } = asked;
      return { model, provider, ...(endpoint === null ? {} : { endpoint }), requestDigest };
    }
  }
}

/** For people. */
export function askedName(asked: ToolQuestion | ModelQuestion): string {
  return asked.about === "tool" ? asked.tool : `a turn of ${asked.model}`;
}

export type ApprovalRecord = ApprovalRequest & Standing;

interface Standing {
  /** `<task>.<id>`. */
  readonly name: string;
  readonly namespace: string;
  readonly task: string;
  readonly phase: ApprovalPhase;
  readonly expiresAt: string;
  readonly word?: ApprovalWord;
}

/** 40 bits: enough to tell the questions of one task apart, and short enough to be typed. */
const ID_LENGTH = 10;

/** The same for the same question, so that one that is repeated after a lost answer is one question. */
export function approvalId(binding: string, decisionId: string): string {
  return digestOf({ binding, decisionId }).slice("sha256:".length, "sha256:".length + ID_LENGTH);
}

export function approvalName(task: string, id: string): string {
  return `${task}.${id}`;
}

/** undefined: no approval is called like that. */
export function parseApprovalName(name: string): { readonly task: string; readonly id: string } | undefined {
  const at = name.lastIndexOf(".");
  const [task, id] = [name.slice(0, at), name.slice(at + 1)];
  return at > 0 && isApprovalId(id) ? { task, id } : undefined;
}

export function isApprovalId(text: string): boolean {
  return /^[0-9a-f]{10}$/.test(text);
}

/**
 * Why this identity may not give this answer; undefined: it may. Whoever asked for the task may always deny. `requester`
 * null: no person is known to have asked for it (a schedule, a webhook, a commit).
 */
export function whyNotAnswer(
  { approvers, notRequester }: ApprovalTerms,
  by: Identity,
  answer: "approved" | "denied",
  requester: Identity | null,
): string | undefined {
  const name = identityText(by);
  if (approvers !== null && !approvers.some((approver) => identityKey(approver) === identityKey(name))) {
    const who = approvers.length === 0 ? "nobody: the rules that ask name different people" : approvers.join(", ");
    return `${name} is none of those who may answer (${who})`;
  }
  if (answer === "approved" && notRequester && requester !== null && mayBeSame(requester, by)) {
    const asker = identityText(requester);
    const who = asker === name ? name : `${name}, by the name ${asker},`;
    return `${who} asked for the task, and the policy wants somebody else to approve its calls (not_requester)`;
  }
  return undefined;
}
