// Sealed values of Secrets as they stand in manifests: age files as armored text or base64, bound to one place. Pure; opens
// nothing. The format: https://age-encryption.org/v1

export type SealedText =
  | {
      readonly outcome: "sealed";
      /** The age file itself. */
      readonly bytes: Uint8Array;
      /** One word for each recipient: `X25519`, `mlkem768x25519`. */
      readonly stanzas: readonly string[];
    }
  | { readonly outcome: "unreadable"; readonly why: string };

const ARMOR_BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_END = "-----END AGE ENCRYPTED FILE-----";
/** A nonce and one empty chunk with its tag. */
const SHORTEST_PAYLOAD = 32;
/** The whole header up to the payload; every quantifier ends at a line break, so a text is read once. */
const HEADER =
  /^age-encryption\.org\/v1\n((?:-> [!-~][ -~]*\n(?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63}\n)+)--- [A-Za-z0-9+/]{43}\n/;

export function readSealedText(text: string): SealedText {
  const bytes = bytesOf(text.trim());
  if (bytes === undefined) return unreadable("it is neither armored age text nor base64");
  const latin = bytes.toString("latin1");
  const [header, body] = HEADER.exec(latin) ?? [];
  if (header === undefined || body === undefined) {
    return unreadable(latin.startsWith("age-encryption.org/") ? "its age header is damaged" : "it is no age file");
  }
  if (bytes.length < header.length + SHORTEST_PAYLOAD) return unreadable("the age file is cut");
  const stanzas = [...body.matchAll(/^-> ([!-~]+)/gm)].map(([, word = ""]) => word);
  if (stanzas.includes("scrypt")) return unreadable("it is sealed with a passphrase, which no runner has");
  return { outcome: "sealed", bytes, stanzas };
}

function unreadable(why: string): SealedText {
  return { outcome: "unreadable", why };
}

function bytesOf(text: string): Buffer | undefined {
  const body = text.startsWith(ARMOR_BEGIN) ? armored(text) : text;
  const bare = body?.replace(/\s+/g, "") ?? "";
  if (bare === "" || bare.length % 4 !== 0 || !isBase64(bare)) return undefined;
  return Buffer.from(bare, "base64");
}

/** By two looks that go through the text once: a pattern that may go back keeps a note of each of its megabytes. */
function isBase64(text: string): boolean {
  const padding = text.indexOf("=");
  const isPadded = padding === -1 || /^={1,2}$/.test(text.slice(padding));
  return isPadded && padding !== 0 && !/[^A-Za-z0-9+/=]/.test(text);
}

function armored(text: string): string | undefined {
  return text.endsWith(ARMOR_END) ? text.slice(ARMOR_BEGIN.length, -ARMOR_END.length) : undefined;
}

/** Where a sealed value belongs. */
export interface SealedPlace {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/**
 * What is encrypted begins with a line that names the place. Without it, whoever may write manifests but read no secret could
 * copy a sealed value into a Secret of their own, and have a runner open it for a tool of theirs.
 */
const BOUND = "countwheel.dev/sealed/v1 ";

export function bindValue(place: SealedPlace, value: string): string {
  return `${BOUND}${placeText(place)}\n${value}`;
}

export interface BoundValue {
  /** null: sealed by another program than ours, for any place. */
  readonly place: string | null;
  readonly value: string;
}

export function readBoundValue(text: string): BoundValue {
  const end = text.indexOf("\n");
  if (!text.startsWith(BOUND) || end === -1) return { place: null, value: text };
  return { place: text.slice(BOUND.length, end), value: text.slice(end + 1) };
}

export function placeText({ namespace, name, key }: SealedPlace): string {
  return `${namespace}/${name}:${key}`;
}
