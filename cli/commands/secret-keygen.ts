// `secret keygen`: makes an age identity for runners, in a file that age itself reads, too.
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PermanentFailure } from "../../contracts/failure.ts";
import { makeIdentity } from "../../runner/secrets/age.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say } from "../output.ts";

export interface SecretKeygenOptions {
  readonly file: string;
  readonly output: OutputFormat;
}

export async function runSecretKeygen(host: Host, { file, output }: SecretKeygenOptions): Promise<ExitCode> {
  const { identity, recipient } = await makeIdentity();
  const text = `# created: ${host.now().toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  await writeNew(resolve(host.cwd, file), file, text);
  if (output === "json") printJson(host, { formatVersion: "1", identity: file, recipient });
  else host.stdout.write(`${recipient}\n`);
  say(host, `${file} opens what is sealed for this recipient: only runners need it, and Git must never see it.`);
  say(host, `Next: countwheel secret seal NAME --recipient ${recipient}`);
  return EXIT.ok;
}

/** An identity that is there is never written over: what was sealed for it could not be opened any more. */
async function writeNew(path: string, file: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: "wx", flush: true });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST")
      throw new PermanentFailure("KEY_EXISTS", `${file} is there already, and is left as it is`);
    throw new PermanentFailure("WRITE_FAILED", `\`${file}\` cannot be written`, { cause });
  }
}
