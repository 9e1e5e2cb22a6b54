// How requests prove that they are genuine: every profile, with what senders in the world really send.
import { createHmac } from "node:crypto";
import { expect, it } from "vitest";
import type { TaskWebhookSpec } from "../../../../contracts/kinds/task-webhook.ts";
import { webhookRules } from "../../../../contracts/webhook.ts";
import { isProven } from "../../../../reconciler/triggers/hooks/check-proof.ts";

const SECRET = "s3cret";
const BODY = Buffer.from([0x7b, 0xff, 0x7d]);
const NOW = new Date("2026-11-01T12:00:00Z");
const T = String(NOW.getTime() / 1_000);

function mac(algorithm: string, encoding: "hex" | "base64", ...parts: (string | Uint8Array)[]): string {
  const hmac = createHmac(algorithm, SECRET);
  for (const part of parts) hmac.update(part);
  return hmac.digest(encoding);
}

function proves(auth: Partial<TaskWebhookSpec["auth"]>, headers: Readonly<Record<string, string>>): boolean {
  const { proof } = webhookRules({ task_ref: "t", auth: { secret_ref: "s", ...auth } });
  return isProven(proof, ["other", SECRET], { header: (name) => headers[name], body: BODY, now: NOW });
}

const SLACK = {
  profile: "hmac",
  signature_header: "X-Slack-Signature",
  signature_prefix: "v0=",
  timestamp_header: "X-Slack-Request-Timestamp",
  payload_format: "prefix_timestamp_body",
  payload_separator: ":",
} as const;
const STRIPE = {
  profile: "hmac",
  signature_header: "Stripe-Signature",
  header_format: "kv_pairs",
  signature_key: "v1",
  timestamp_key: "t",
  payload_format: "timestamp_dot_body",
} as const;
const SHOPIFY = {
  profile: "hmac",
  signature_header: "X-Shopify-Hmac-Sha256",
  signature_prefix: "",
  signature_encoding: "base64",
} as const;

it.each([
  ["generic", {}, { "x-signature": `sha256=${mac("sha256", "hex", `${T}.`, BODY)}`, "x-timestamp": T }],
  ["github", { profile: "github" }, { "x-hub-signature-256": `sha256=${mac("sha256", "hex", BODY)}` }],
  [
    "as Slack does",
    SLACK,
    { "x-slack-signature": `v0=${mac("sha256", "hex", `v0:${T}:`, BODY)}`, "x-slack-request-timestamp": T },
  ],
  ["as Stripe does", STRIPE, { "stripe-signature": `v0=x,t=${T},v1=${mac("sha256", "hex", `${T}.`, BODY)}` }],
  ["as Shopify does", SHOPIFY, { "x-shopify-hmac-sha256": mac("sha256", "base64", BODY) }],
  ["by a token", { profile: "shared_token", signature_header: "X-Gitlab-Token" }, { "x-gitlab-token": SECRET }],
] as const)("a request is proven %s, and not where a byte of it is another", (_name, auth, headers) => {
  expect(proves(auth, headers)).toBe(true);
  for (const name of Object.keys(headers)) {
    const text = (headers as Readonly<Record<string, string>>)[name] ?? "";
    const middle = Math.floor(text.length / 2);
    const other = text.slice(0, middle) + (text[middle] === "1" ? "2" : "1") + text.slice(middle + 1);
    for (const value of [other, "", text.slice(0, -2), `${text}0`])
      expect([value, proves(auth, { ...headers, [name]: value })]).toEqual([value, false]);
    expect(proves(auth, {})).toBe(false);
  }
});

it("does not take what was signed too long ago, or ahead of time", () => {
  for (const [skew, expected] of [
    [-300, true],
    [-301, false],
    [300, true],
    [301, false],
  ] as const) {
    const at = String(Number(T) + skew);
    const headers = { "x-signature": `sha256=${mac("sha256", "hex", `${at}.`, BODY)}`, "x-timestamp": at };
    expect([skew, proves({}, headers)]).toEqual([skew, expected]);
  }
});
