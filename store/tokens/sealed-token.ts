// An API token's record as Redis keeps it: `<seal> <json>`, so that a changed byte is noticed, and where there is a state key
// also a token that somebody made without it.
import { type ApiToken, isTokenName, TOKEN_RIGHTS } from "../../contracts/api-token.ts";
import { type Digest, digestText } from "../../contracts/canonical.ts";
import { corrupt, jsonOf, objectOf, textOf, textsOf } from "../reply.ts";
import { checkSeal, makeSeal, type Sealing } from "../seal.ts";
import { readIdentity } from "../task-fields.ts";

export function sealToken(sealing: Sealing, token: ApiToken): string {
  const text = JSON.stringify(token);
  return `${makeSeal(sealing, partsOf(token.name, text), () => digestText(text))} ${text}`;
}

/** Throws PermanentFailure STATE_CORRUPT, STATE_UNSEALED or STATE_KEY_MISSING, naming the token. */
export function openToken(sealing: Sealing, name: string, sealed: unknown): ApiToken {
  const what = `the API token \`${name.slice(0, 80)}\``;
  const whole = textOf(what, sealed);
  const [seal = ""] = whole.split(" ", 1);
  const text = whole.slice(seal.length + 1);
  checkSeal(sealing, { what, seal, parts: partsOf(name, text), plain: () => digestText(text) });
  const fields = objectOf(what, jsonOf(what, text));
  if (fields["name"] !== name || !isTokenName(name)) throw corrupt(what, "it belongs to another name");
  const given = textsOf(what, fields["allow"]);
  return {
    name,
    digest: textOf(what, fields["digest"]) as Digest,
    allow: TOKEN_RIGHTS.filter((right) => given.includes(right)),
    createdAt: textOf(what, fields["createdAt"]),
    createdBy: readIdentity(what, fields["createdBy"]),
    expiresAt: textOf(what, fields["expiresAt"]),
  };
}

/** The environment is bound by the seal itself. */
function partsOf(name: string, text: string): string[] {
  return ["token", name, text];
}
