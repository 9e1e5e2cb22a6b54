// The allowed signers of an environment: one file with OpenSSH lines, armored PGP keys, or both. Pure.
import { createHash } from "node:crypto";

export interface Signers {
  /** Lines of OpenSSH's `allowed_signers`. */
  readonly ssh: string;
  /** Public SSH keys that sign nothing any more, whatever `ssh` says. */
  readonly revoked: string;
  /** The armored PGP keys as one key ring. */
  readonly pgp: Uint8Array;
}

const PGP_BLOCK = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g;

/** `revoked` is the text of the file beside it: public SSH keys, one a line. PGP keys carry their own revocation. */
export function parseSigners(text: string, revoked = ""): Signers {
  const blocks = [...text.matchAll(PGP_BLOCK)].map(([, body = ""]) => dearmor(body));
  return { ssh: text.replace(PGP_BLOCK, ""), revoked, pgp: Buffer.concat(blocks) };
}

/** Headers end with an empty line; a line that begins with `=` is the checksum. */
function dearmor(body: string): Buffer {
  const lines = body.split(/\r?\n/);
  const start = lines.indexOf("") + 1;
  return Buffer.from(
    lines
      .slice(start)
      .filter((line) => !line.startsWith("="))
      .join(""),
    "base64",
  );
}

/** Whether a text of SSH keys, with or without principals and options before them, holds the key of a fingerprint. */
export function holdsKey(text: string, wanted: string): boolean {
  return text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .flatMap((line) => line.split(/\s+/))
    .some((word) => word.startsWith("AAAA") && fingerprintOf(word) === wanted);
}

function fingerprintOf(key: string): string {
  return fingerprint(Buffer.from(key, "base64"));
}

function fingerprint(key: Uint8Array): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

const SSH_SIGNATURE = /^gpgsig(?:-sha256)? -----BEGIN SSH SIGNATURE-----\n([\s\S]*?) -----END SSH SIGNATURE-----$/m;
/** `SSHSIG` and a version; the public key follows with its length before it (PROTOCOL.sshsig of OpenSSH). */
const KEY_OFFSET = 10;

/** The fingerprint of the key that an SSH signature in a raw commit says it was made with. */
export function signingKey(commit: string): string | undefined {
  const body = SSH_SIGNATURE.exec(commit)?.[1];
  if (body === undefined) return undefined;
  const bytes = Buffer.from(body, "base64");
  if (bytes.length < KEY_OFFSET + 4) return undefined;
  const start = KEY_OFFSET + 4;
  return fingerprint(bytes.subarray(start, start + bytes.readUInt32BE(KEY_OFFSET)));
}
