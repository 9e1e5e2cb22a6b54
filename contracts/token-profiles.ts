// The ways to prove who calls by which a token is fetched first, at the manifest's `token_url`. Pure.

const TOKEN_PROFILES = [
  "oauth2_client_credentials",
  "private_key_jwt",
  "oauth2_jwt_bearer",
  "oauth2_authorization_code",
] as const;

export function fetchesToken(profile: string | undefined): boolean {
  return TOKEN_PROFILES.some((one) => one === profile);
}
