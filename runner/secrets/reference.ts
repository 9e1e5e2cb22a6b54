// References to secret values: `name`, `name:key`, `namespace/name:key`, and `a/b`, which depends on what is known. Pure.

export interface SecretReference {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** What a reference without a key means. */
export const DEFAULT_KEY = "value";

/** `a/b` is namespace/name where such a Secret is known, otherwise name/key. `isKnown` is asked for no other form. */
export function parseSecretReference(
  text: string,
  namespace: string,
  isKnown: (namespace: string, name: string) => boolean,
): SecretReference {
  const colon = text.indexOf(":");
  const path = colon === -1 ? text : text.slice(0, colon);
  const key = colon === -1 ? DEFAULT_KEY : text.slice(colon + 1);
  const slash = path.indexOf("/");
  if (slash === -1) return { namespace, name: path, key };
  const [first, second] = [path.slice(0, slash), path.slice(slash + 1)];
  if (colon !== -1 || isKnown(first, second)) return { namespace: first, name: second, key };
  return { namespace, name: first, key: second };
}
