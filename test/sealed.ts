// Sealed values for tests: one that age 1.1 wrote, for its published identity, and others for identities of their own.
import { bindValue, type SealedPlace } from "../contracts/sealed-text.ts";
import { sealFor } from "../runner/secrets/age.ts";

/** Guards nothing. */
export const AGE_IDENTITY = "AGE-SECRET-KEY-1U48W9QRRFHS346NGW9YY676PWUALEAADT5YDWJJXD0UZJTRVL64QYU4VZZ";
export const AGE_RECIPIENT = "age17qku6s0tpumfjdcqvkv9usl8snk0wed4taz37mr0kd7af6j29g3s5pc5ze";

/** `printf 'made by age itself' | age -a -r …` */
export const BY_AGE = `-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB6UlhJNEpwdy9ua0svSlpO
VXArNzRIQkNGbHhIZytFOC8xUG4rU0RWM2tNClF1ZnU5TksvQVRxVXdIQ2RjVjI4
VlA5UFZpcGMyVStlUitqdTc0YzFnQ3MKLS0tIGhPMG43b2JRa0tuUnl0MWxXNmlL
bmkxeUhBa25jdEM5Y1RTRHl6cUJnSkEK5u+mtsZN4mJjbiQH+/2sgnwyMGDwOfKA
1ZAY2X0h8A4DhnIyahui+a7WUBW7uEWE5GI=
-----END AGE ENCRYPTED FILE-----
`;

export async function sealedValue(place: SealedPlace, value: string, recipient = AGE_RECIPIENT): Promise<string> {
  const answer = await sealFor([recipient], bindValue(place, value));
  if (answer.outcome !== "sealed") throw new Error(`\`${recipient}\` is no recipient`);
  return answer.armored;
}
