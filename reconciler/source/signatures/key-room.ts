// A throw-away folder with the keys that git's helpers (ssh-keygen, gpg) may believe, and nothing of this machine's own.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Signers } from "./signers.ts";

export interface KeyRoom {
  /** Options of git, before its command: they win over the repository's own configuration, which could name programs. */
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** gpg: every key in the ring is one that we chose, nothing is asked of an agent or of the network. */
const GPG_CONF = "trust-model always\nno-autostart\nlock-never\nno-auto-key-retrieve\nno-auto-check-trustdb\n";

export async function withKeyRoom<T>(signers: Signers, work: (room: KeyRoom) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "cw-signers-"));
  try {
    return await work(await furnish(folder, signers));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function furnish(folder: string, { ssh, revoked, pgp }: Signers): Promise<KeyRoom> {
  const [ring, allowed, banned] = [join(folder, "gnupg"), join(folder, "allowed"), join(folder, "revoked")];
  await mkdir(ring, { mode: 0o700 });
  await Promise.all([
    writeFile(allowed, ssh),
    writeFile(banned, revoked),
    // Public keys without their armor are a key ring as gpg reads it: nothing has to be imported.
    writeFile(join(ring, "pubring.gpg"), pgp),
    writeFile(join(ring, "gpg.conf"), GPG_CONF),
    // Without it gpg 2.4 may look for a key daemon instead of the ring.
    writeFile(join(ring, "common.conf"), ""),
  ]);
  const settings = {
    "gpg.program": "gpg",
    "gpg.openpgp.program": "gpg",
    "gpg.ssh.program": "ssh-keygen",
    // X.509 signatures are none of ours: whatever claims to be one cannot be checked.
    "gpg.x509.program": "false",
    "gpg.minTrustLevel": "undefined",
    "gpg.ssh.allowedSignersFile": allowed,
    "gpg.ssh.revocationFile": banned,
  };
  return {
    options: Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    env: { GNUPGHOME: ring, TMPDIR: folder },
  };
}
