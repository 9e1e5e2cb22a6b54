// What an engine's client needs to log in to a registry, made of a Secret's text: `user:password`, or a `config.json` as
// `docker login` writes it. Pure.

/** What Docker and Podman call the registry of names without one. */
const HUB = ["https://index.docker.io/v1/", "docker.io"] as const;
/** The rest of such a file names programs that a client would start, and proxies. */
const CREDENTIALS = ["auth", "username", "password", "identitytoken", "registrytoken"] as const;

/** The text of a `config.json` for whoever pulls `image`. undefined: the Secret holds no login. */
export function registryConfig(secret: string, image: string): string | undefined {
  const text = secret.trim();
  if (!text.startsWith("{")) {
    const isPair = /^[^:\s]+:./u.test(text);
    const auth = { auth: Buffer.from(text).toString("base64") };
    return isPair ? configOf(registriesOf(image).map((registry) => [registry, auth])) : undefined;
  }
  const { auths } = parsed(text);
  if (!isObject(auths)) return undefined;
  const entries = Object.entries(auths).flatMap(([registry, entry]) =>
    isObject(entry) ? [[registry, credentialsOf(entry)] as const] : [],
  );
  return entries.length === 0 ? undefined : configOf(entries);
}

/** `a/b` is one of Docker's own registry; `a.example/b`, `a:5000/b` and `localhost/b` name theirs. */
function registriesOf(image: string): readonly string[] {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? [first] : HUB;
}

function configOf(entries: readonly (readonly [string, Readonly<Record<string, string>>])[]): string {
  return JSON.stringify({ auths: Object.fromEntries(entries) });
}

function credentialsOf(entry: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    CREDENTIALS.flatMap((name) => {
      const value = entry[name];
      return typeof value === "string" ? [[name, value] as const] : [];
    }),
  );
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
