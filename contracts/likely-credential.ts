// Text that is most likely a credential, wherever it stands in a file: in a prompt, an argument, a comment. Pure. Shapes are
// those that issuers document, as secret scanners know them; what they match is never part of an answer.
import { digestText } from "./canonical.ts";

export interface LikelyCredential {
  /** `a GitHub token` */
  readonly what: string;
  /** The first characters, which say what it is, and nothing of a password: `ghp_…, 40 characters`. */
  readonly shown: string;
  /** Names this very text, for whoever says that it is none. */
  readonly fingerprint: string;
  /** Offsets in the text, the end excluded. */
  readonly start: number;
  readonly end: number;
}

/** An annotation of the manifest: fingerprints of what is none, separated by commas. */
export const NO_CREDENTIAL = "countwheel.dev/not-a-credential";

/** In one document; there is no need to know of more. */
const MAX_FOUND = 50;

/**
 * Those that begin between two offsets. Takes milliseconds for a large file: asked only of a text that may hold any
 * (`mayHoldCredential`), which few do.
 */
export function findLikelyCredentials(text: string, begin = 0, end = text.length): LikelyCredential[] {
  const found: LikelyCredential[] = [];
  const shapes = new RegExp(ANY_SHAPE);
  shapes.lastIndex = begin;
  for (let match = shapes.exec(text); match !== null && match.index < end; match = shapes.exec(text)) {
    const one = read(match);
    if (one !== undefined) found.push(one);
    if (found.length === MAX_FOUND) break;
  }
  return found;
}

interface Shape {
  readonly what: string;
  /** With one group, where only a part of the match is the credential. */
  readonly pattern: string;
  /** People and programs write other things in its place: only what looks like chance counts. */
  readonly isLoose?: true;
  /** Its first characters are no prefix of an issuer's. */
  readonly isBare?: true;
}

const SHAPES: readonly Shape[] = [
  { what: "an Anthropic key", pattern: "sk-ant-[a-z0-9]{2,12}-[A-Za-z0-9_-]{20,}" },
  { what: "an OpenAI key", pattern: "sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}", isLoose: true },
  { what: "a Stripe key", pattern: "[sr]k_live_[A-Za-z0-9]{16,}" },
  { what: "a GitHub token", pattern: "gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}" },
  { what: "a GitLab token", pattern: "glpat-[A-Za-z0-9_-]{20,}" },
  { what: "an AWS access key", pattern: "(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Z0-9])" },
  { what: "a Slack token", pattern: "xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}", isLoose: true },
  { what: "a Google API key", pattern: "AIza[A-Za-z0-9_-]{35}" },
  { what: "an npm token", pattern: "npm_[A-Za-z0-9]{36}" },
  { what: "a Hugging Face token", pattern: "hf_[A-Za-z0-9]{30,}" },
  { what: "an age identity", pattern: "AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{50,}" },
  { what: "an API token of Countwheel", pattern: "cw_[\\w.-]{1,63}_[\\w-]{43}" },
  { what: "a JSON Web Token", pattern: "eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{10,}\\.[A-Za-z0-9_-]{10,}" },
  {
    what: "a private key",
    pattern: "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----(?:[^-]+-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----)?",
  },
  {
    what: "a password in a URL",
    pattern: "[a-z][a-z0-9+.-]{1,20}://[^\\s/@:\"']{0,100}:([^\\s/@\"'{}$<]{4,200})@",
    isBare: true,
  },
  {
    what: "a credential in an argument",
    pattern: "--(?:api-?key|access-?key|token|password|passwd|secret)[= ][\"']?([^\\s\"'{}$<>,\\]]{8,200})",
    isLoose: true,
    isBare: true,
  },
  {
    what: "a credential in a header",
    pattern: "[Bb]earer +([A-Za-z0-9._~+/-]{20,400}=*)",
    isLoose: true,
    isBare: true,
  },
];

/** Group 2n + 1 is the n-th shape; a group within it follows as 2n + 2. */
const ANY_SHAPE = new RegExp(
  `(?<![A-Za-z0-9_])(?:${SHAPES.map(({ pattern, isBare }) => (isBare ? `(${pattern})` : `(${pattern})()`)).join("|")})`,
  "g",
);

function read(match: RegExpExecArray): LikelyCredential | undefined {
  const index = SHAPES.findIndex((_shape, at) => match[2 * at + 1] !== undefined);
  const shape = SHAPES[index];
  const whole = match[0];
  const value = match[2 * index + 2] || whole;
  if (shape === undefined || isPlaceholder(value) || (shape.isLoose === true && !looksRandom(value))) return undefined;
  const start = match.index + whole.indexOf(value);
  const length = `${value.length} characters`;
  return {
    what: shape.what,
    shown: shape.isBare === true ? length : `${value.slice(0, SHOWN)}…, ${length}`,
    fingerprint: digestText(value).slice("sha256:".length, "sha256:".length + FINGERPRINT),
    start,
    end: start + value.length,
  };
}

const SHOWN = 4;
const FINGERPRINT = 12;

/** What documentation writes where a credential belongs. */
const PLACEHOLDER =
  /example|placeholder|change-?me|dummy|redacted|sample|your[-_]|xxxx|\*\*\*|\.\.\.|…|^(?:pass|password|passwd|secret|token|user|test|key)$/i;
const FEWEST_CHARACTERS = 5;

function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value) || (value.length >= 8 && new Set(value).size < FEWEST_CHARACTERS);
}

/** Bits a character; words of a language have less than that at these lengths, or no digit. */
const LEAST_ENTROPY = 2.8;

function looksRandom(value: string): boolean {
  return /[0-9]/.test(value) && /[A-Za-z]/.test(value) && entropy(value) >= LEAST_ENTROPY;
}

/** Shannon's, of the characters of one text. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}
