// The age identities of this runner, and the sealed values that they open. Read anew at each use, so that another identity
// needs no restart; what was opened is kept for as long as the identities stay the same, because opening takes 10 ms.
import { readFile, stat } from "node:fs/promises";
import { placeText, readBoundValue, readSealedText, type SealedPlace } from "../../contracts/sealed-text.ts";
import { openWith } from "./age.ts";

export interface IdentitySources {
  /** Absolute paths of files as `age-keygen` and `countwheel secret keygen` write them. */
  readonly files: readonly string[];
  /** The same as text. */
  readonly text?: string | undefined;
}

/** `code` and `why` are for people and hold neither values nor identities. */
export type Unsealed =
  | { readonly outcome: "opened"; readonly value: string }
  | { readonly outcome: "refused"; readonly code: SealedFailure; readonly why: string };

export type SealedFailure =
  | "SECRET_IDENTITY_MISSING"
  | "SECRET_IDENTITY_WRONG"
  | "SECRET_SEALED_DAMAGED"
  | "SECRET_SEALED_ELSEWHERE";

const MAX_FILE_BYTES = 64 * 1024;
const MAX_KEPT = 256;

export class AgeKeys {
  readonly #sources: IdentitySources;
  readonly #kept = new Map<string, string>();
  #keptFor = "";

  constructor(sources: IdentitySources) {
    this.#sources = sources;
  }

  async open(sealed: string, place: SealedPlace): Promise<Unsealed> {
    const read = readSealedText(sealed);
    if (read.outcome === "unreadable") return refused("SECRET_SEALED_DAMAGED", `${read.why}; ${SEAL_ANEW}`);
    const found = await readIdentities(this.#sources);
    if (found.outcome === "refused") return found;
    const opened = await this.#openKept(sealed, read.bytes, found.identities);
    if (opened.outcome === "refused") return opened;
    const bound = readBoundValue(opened.value);
    if (bound.place === null || bound.place === placeText(place)) return { outcome: "opened", value: bound.value };
    return refused(
      "SECRET_SEALED_ELSEWHERE",
      `it was sealed for \`${bound.place}\` and is opened nowhere else; ${SEAL_ANEW}`,
    );
  }

  /** For another program that opens what is encrypted for them. None, where they cannot be read: it will say so itself. */
  async identities(): Promise<readonly string[]> {
    const found = await readIdentities(this.#sources);
    return found.outcome === "found" ? found.identities : [];
  }

  async #openKept(sealed: string, bytes: Uint8Array, identities: readonly string[]): Promise<Unsealed> {
    const keptFor = identities.join(" ");
    if (keptFor !== this.#keptFor) this.#kept.clear();
    this.#keptFor = keptFor;
    const known = this.#kept.get(sealed);
    if (known !== undefined) return { outcome: "opened", value: known };
    const answer = await openWith(identities, bytes);
    switch (answer.outcome) {
      case "opened":
        // Another identity may have come meanwhile.
        if (this.#keptFor === keptFor) this.#keep(sealed, answer.text);
        return { outcome: "opened", value: answer.text };
      case "not-for-us":
        return refused("SECRET_IDENTITY_WRONG", `it is sealed for none of the runner's age identities; ${SEAL_ANEW}`);
      case "damaged":
        return refused("SECRET_SEALED_DAMAGED", `the age file was changed or cut, or holds no text; ${SEAL_ANEW}`);
      case "bad-identity":
        return refused("SECRET_IDENTITY_MISSING", `the runner's age identity ${answer.index + 1} is none: ${MAKE_ONE}`);
    }
  }

  #keep(sealed: string, text: string): void {
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(sealed, text);
  }
}

const SEAL_ANEW = "seal it again with `countwheel secret seal`";
const MAKE_ONE = "`countwheel secret keygen` makes one";

type Identities =
  | { readonly outcome: "found"; readonly identities: readonly string[] }
  | Extract<Unsealed, { outcome: "refused" }>;

async function readIdentities({ files, text }: IdentitySources): Promise<Identities> {
  const identities = identitiesIn(text ?? "");
  for (const file of files) {
    const content = await readIdentityFile(file);
    if (content === undefined)
      return refused("SECRET_IDENTITY_MISSING", `the runner cannot read its age identities from \`${file}\``);
    const inFile = identitiesIn(content);
    if (inFile.length === 0)
      return refused("SECRET_IDENTITY_MISSING", `\`${file}\` holds no age identity: ${MAKE_ONE}`);
    identities.push(...inFile);
  }
  if (identities.length > 0) return { outcome: "found", identities };
  const how = "start it with `--age-identity FILE`, or with COUNTWHEEL_AGE_IDENTITY";
  return refused("SECRET_IDENTITY_MISSING", `it is sealed, and the runner has no age identity: ${how}`);
}

async function readIdentityFile(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    return size > MAX_FILE_BYTES ? undefined : await readFile(file, "utf8");
  } catch {
    return undefined;
  }
}

/** One a line; comments begin with `#`. */
function identitiesIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

function refused(code: SealedFailure, why: string): Extract<Unsealed, { outcome: "refused" }> {
  return { outcome: "refused", code, why };
}
