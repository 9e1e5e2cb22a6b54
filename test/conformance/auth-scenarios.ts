// The suite's scenarios of who may call, by the revision at which they are played.

export type Row = readonly [version: string, scenario: string];

/** Of both revisions. */
const BOTH = [
  "metadata-default",
  "metadata-var1",
  "metadata-var2",
  "metadata-var3",
  "basic-cimd",
  "scope-from-www-authenticate",
  "scope-from-scopes-supported",
  "scope-omitted-when-undefined",
  "scope-step-up",
  "scope-retry-limit",
  "token-endpoint-auth-basic",
  "token-endpoint-auth-post",
  "token-endpoint-auth-none",
  "pre-registration",
] as const;

const MODERN = [
  "resource-mismatch",
  "offline-access-scope",
  "offline-access-not-supported",
  "authorization-server-migration",
  "iss-supported",
  "iss-not-advertised",
  "iss-supported-missing",
  "iss-wrong-issuer",
  "iss-unexpected",
  "iss-normalized",
  "metadata-issuer-mismatch",
] as const;

/** Of extensions, and of 2025-03-26: the suite takes no revision for them. */
const UNNAMED = [
  "auth/client-credentials-basic",
  "auth/client-credentials-jwt",
  "auth/wif-jwt-bearer",
  "auth/dpop",
  "auth/dpop-nonce",
  "auth/2025-03-26-oauth-metadata-backcompat",
  "auth/2025-03-26-oauth-endpoint-fallback",
] as const;

export const AUTH_SCENARIOS: readonly Row[] = [
  ...BOTH.flatMap((name): Row[] => [
    ["2025-11-25", `auth/${name}`],
    ["2026-07-28", `auth/${name}`],
  ]),
  ...MODERN.map((name): Row => ["2026-07-28", `auth/${name}`]),
  ...UNNAMED.map((name): Row => ["2025-11-25", name]),
];

export function takesRevision(scenario: string): boolean {
  return !UNNAMED.some((name) => name === scenario);
}
