// Real keys for tests of signatures: SSH and PGP, in a throw-away folder, and repositories that sign with them.
import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe } from "vitest";
import { TEST_GIT, type TestRepository } from "./git.ts";

const run = promisify(execFile);

function isThere(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore", env: { PATH: TEST_GIT.path } });
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

function describeWith(program: string, found: boolean) {
  return found
    ? (name: string, tests: () => void): unknown => describe(name, tests)
    : (name: string, tests: () => void): unknown => describe.skip(`${name} (no ${program} here)`, tests);
}

/** Skip their tests, and say so, where this machine lacks the program. */
export const describeWithSsh = describeWith("ssh-keygen", isThere("ssh-keygen", "-?"));
export const describeWithGpg = describeWith("gpg", isThere("gpg", "--version"));

export interface TestKeys {
  /** A new SSH key; answers its public line (`ssh-ed25519 AAAA…`). */
  ssh(name: string): Promise<string>;
  /** A new PGP key that expires after the given time; answers the armored public key. */
  pgp(name: string, expires?: string): Promise<string>;
  /** The armored public key again, with its revocation. */
  revokePgp(name: string): Promise<string>;
  /** Commits, signed by the key of that name. */
  commit(repository: TestRepository, files: Parameters<TestRepository["commit"]>[0], name: string): Promise<string>;
  remove(): Promise<void>;
}

export async function testKeys(): Promise<TestKeys> {
  const folder = await mkdtemp(join(tmpdir(), "cw-keys-"));
  const ring = join(folder, "gnupg");
  await mkdir(ring, { mode: 0o700 });
  const env = { PATH: TEST_GIT.path, GNUPGHOME: ring, HOME: folder };
  const gpg = async (...args: string[]): Promise<string> =>
    (await run("gpg", ["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", ...args], { env }))
      .stdout;
  const pgp = new Map<string, string>();
  const exported = (name: string): Promise<string> => gpg("--armor", "--export", pgp.get(name) ?? name);
  return {
    async ssh(name) {
      await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(folder, name)], { env });
      return (await readFile(join(folder, `${name}.pub`), "utf8")).trim();
    },
    async pgp(name, expires = "never") {
      await gpg("--quick-gen-key", `${name} <${name}@example.test>`, "ed25519", "sign", expires);
      const listed = await gpg("--with-colons", "--fingerprint", `${name}@example.test`);
      pgp.set(name, /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "");
      return exported(name);
    },
    async revokePgp(name) {
      const file = join(ring, "openpgp-revocs.d", `${pgp.get(name)}.rev`);
      const certificate = (await readFile(file, "utf8")).replace(":-----BEGIN", "-----BEGIN");
      const child = run("gpg", ["--batch", "--quiet", "--import"], { env });
      child.child.stdin?.end(certificate);
      await child;
      return exported(name);
    },
    async commit(repository, files, name) {
      const key = pgp.get(name);
      const signing =
        key === undefined
          ? ["-c", "gpg.format=ssh", "-c", `user.signingKey=${join(folder, name)}`]
          : [
              "-c",
              "gpg.format=openpgp",
              "-c",
              `user.signingKey=${key}`,
              "-c",
              `gpg.program=${await wrapper(folder, ring)}`,
            ];
      await repository.write(files);
      await repository.git("add", "--all");
      await repository.git(...signing, "commit", "--quiet", "--allow-empty", "--gpg-sign", "--message", "signed");
      return repository.git("rev-parse", "HEAD");
    },
    async remove() {
      // The agent that signing started ends with its folder's socket.
      await run("gpgconf", ["--kill", "all"], { env }).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Tests run git without anybody's environment, so gpg learns of its ring from a script. */
async function wrapper(folder: string, ring: string): Promise<string> {
  const file = join(folder, "gpg");
  await writeFile(
    file,
    `#!/bin/sh\nexec gpg --homedir '${ring}' --batch --pinentry-mode loopback --passphrase '' "$@"\n`,
    {
      mode: 0o755,
    },
  );
  return file;
}
