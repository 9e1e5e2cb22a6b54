// References to Secrets: `name`, `name:key`, `namespace/name:key`, and the article's `name/key`.

export interface SecretRef {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

const DEFAULT_SECRET_KEY = "value";

/**
 * What a reference may mean, the likeliest first. `a/b` is namespace/name where such a Secret is known, otherwise
 * name/key: a caller takes the first that exists. Empty: the text is no reference.
 */
export function readSecretRef(text: string, namespace: string): readonly SecretRef[] {
  const [path = "", key, ...rest] = text.trim().split(":");
  const parts = path.split("/");
  if (rest.length > 0 || key === "" || parts.length > 2 || parts.includes("")) return [];
  const [first = "", second] = parts;
  if (second === undefined) return [{ namespace, name: first, key: key ?? DEFAULT_SECRET_KEY }];
  const scoped = { namespace: first, name: second, key: key ?? DEFAULT_SECRET_KEY };
  return key === undefined ? [scoped, { namespace, name: first, key: second }] : [scoped];
}
