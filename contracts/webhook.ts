// What a TaskWebhook asks of a request, with every default filled in. Pure.
import type { SenderAuth } from "./kinds/sender-auth.ts";
import type { TaskWebhookSpec } from "./kinds/task-webhook.ts";

export interface WebhookRules {
  readonly suspended: boolean;
  /** The secret, and the one before it while senders change over. */
  readonly secretRefs: readonly string[];
  readonly proof: WebhookProof;
  /** Names of headers are in lower case. */
  readonly eventHeader: string;
  /** Dots lead into objects; null: the header says it. */
  readonly eventField: string | null;
  readonly rememberMs: number;
  readonly inputKey: string;
}

export type WebhookProof =
  | { readonly kind: "token"; readonly header: string; readonly prefix: string }
  | {
      readonly kind: "signature";
      readonly header: string;
      /** Where the header holds `key=value` pairs: the key of the signature. null: the header is the signature. */
      readonly signatureKey: string | null;
      readonly prefix: string;
      readonly algorithm: "sha256" | "sha1" | "sha512";
      readonly encoding: "hex" | "base64";
      /** What stands before the body in what is signed; null: nothing. */
      readonly covers: "body" | "timestamp" | "prefix-timestamp";
      readonly payloadPrefix: string;
      readonly separator: string;
      /** null: nothing says when it was signed. */
      readonly timestamp: { readonly header: string; readonly key: string | null; readonly maxSkewMs: number } | null;
    };

const DEDUPE_SECONDS = 86_400;

export function webhookRules(spec: TaskWebhookSpec): WebhookRules {
  const { auth, idempotency = {}, payload = {} } = spec;
  const isGithub = auth.profile === "github";
  return {
    suspended: spec.suspend ?? false,
    secretRefs: secretRefsOf(auth),
    proof: proofOf(auth),
    eventHeader: (idempotency.event_id_header ?? (isGithub ? "X-GitHub-Delivery" : "X-Event-Id")).toLowerCase(),
    eventField: idempotency.event_id_from_body ?? null,
    rememberMs: (idempotency.dedupe_window_seconds ?? DEDUPE_SECONDS) * 1_000,
    inputKey: payload.input_key ?? "webhook_payload",
  };
}

/** The one that counts, and the one before it. */
export function secretRefsOf({ secret_ref: now, previous_secret_ref: before }: SenderAuth): readonly string[] {
  return before === undefined ? [now] : [now, before];
}

export function proofOf(auth: SenderAuth): WebhookProof {
  const header = (auth.signature_header ?? "").toLowerCase();
  switch (auth.profile ?? "generic") {
    case "shared_token":
      return { kind: "token", header, prefix: auth.signature_prefix ?? "" };
    case "github":
      return { ...SIGNATURE, header: header || "x-hub-signature-256", prefix: auth.signature_prefix ?? "sha256=" };
    case "generic":
      return {
        ...SIGNATURE,
        header: header || "x-signature",
        prefix: auth.signature_prefix ?? "sha256=",
        covers: "timestamp",
        timestamp: timestampOf(auth, null),
      };
    case "hmac":
      return hmacProof(auth, header);
  }
}

const SIGNATURE = {
  kind: "signature",
  signatureKey: null,
  algorithm: "sha256",
  encoding: "hex",
  covers: "body",
  payloadPrefix: "v0",
  separator: ".",
  timestamp: null,
} as const;

const COVERS = {
  body: "body",
  timestamp_dot_body: "timestamp",
  prefix_timestamp_body: "prefix-timestamp",
} as const;

function hmacProof(auth: SenderAuth, header: string): WebhookProof {
  const isPairs = auth.header_format === "kv_pairs";
  const covers = COVERS[auth.payload_format ?? "body"];
  return {
    kind: "signature",
    header,
    signatureKey: isPairs ? (auth.signature_key ?? null) : null,
    prefix: auth.signature_prefix ?? (isPairs ? "" : `${auth.algorithm ?? "sha256"}=`),
    algorithm: auth.algorithm ?? "sha256",
    encoding: auth.signature_encoding ?? "hex",
    covers,
    payloadPrefix: auth.payload_prefix ?? "v0",
    separator: auth.payload_separator ?? ".",
    timestamp: covers === "body" ? null : timestampOf(auth, isPairs ? (auth.timestamp_key ?? "t") : null),
  };
}

function timestampOf(
  auth: SenderAuth,
  key: string | null,
): { readonly header: string; readonly key: string | null; readonly maxSkewMs: number } {
  const header = key === null ? (auth.timestamp_header ?? "X-Timestamp") : (auth.signature_header ?? "");
  return { header: header.toLowerCase(), key, maxSkewMs: (auth.max_skew_seconds ?? 300) * 1_000 };
}
