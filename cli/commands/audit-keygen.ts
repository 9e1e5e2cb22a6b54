// `audit keygen`: makes the pair of keys that signs and verifies heads of the audit log.
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say } from "../output.ts";

export interface AuditKeygenOptions {
  /** Of the private key; the public one stands beside it, with `.pub`. */
  readonly file: string;
  readonly output: OutputFormat;
}

export async function runAuditKeygen(host: Host, { file, output }: AuditKeygenOptions): Promise<ExitCode> {
  const { privateKey } = generateKeyPairSync("ed25519");
  const publicFile = `${file}.pub`;
  await writeNew(resolve(host.cwd, file), privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
  const half = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  await writeNew(resolve(host.cwd, publicFile), half, 0o644);
  if (output === "json") printJson(host, { formatVersion: "1", privateKey: file, publicKey: publicFile });
  else host.stdout.write(`${file} signs: only the reconciler needs it.\n${publicFile} verifies: keep it elsewhere.\n`);
  say(host, `Next: COUNTWHEEL_AUDIT_KEY=${file} countwheel reconcile`);
  return EXIT.ok;
}

/** A key that is there is never written over: what it signed could not be verified any more. */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(file, text, { mode, flag: "wx", flush: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw new PermanentFailure("KEY_EXISTS", `${file} is there already, and is left as it is`);
    throw error;
  }
}
