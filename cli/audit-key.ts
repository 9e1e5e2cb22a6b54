// Reads the keys of the audit log: the one that signs, and the public half that verifies.
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { isSigningKey } from "../contracts/audit/signed-head.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

/** COUNTWHEEL_AUDIT_KEY; undefined: nothing is signed. */
export function signingKey({ config, cwd }: Pick<Host, "config" | "cwd">): KeyObject | undefined {
  const { auditKey } = config;
  if (auditKey === undefined) return undefined;
  const isText = auditKey.startsWith("-----BEGIN");
  return keyOf("COUNTWHEEL_AUDIT_KEY", () =>
    createPrivateKey(isText ? auditKey : readFileSync(resolve(cwd, auditKey), "utf8")),
  );
}

/** Of `--public-key`. */
export function publicKey({ cwd }: Pick<Host, "cwd">, file: string): KeyObject {
  return keyOf("--public-key", () => createPublicKey(readFileSync(resolve(cwd, file), "utf8")));
}

/** What cannot be read must stop the command: to go on would leave the log unsigned, or unverified. */
function keyOf(what: string, read: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new UsageFailure(`${what} names no key that can be read${code}: \`countwheel audit keygen\` makes a pair`);
  }
  if (isSigningKey(key)) return key;
  throw new UsageFailure(`${what} is no Ed25519 key: \`countwheel audit keygen\` makes a pair`);
}
