// A stand-in for the `sops` program, which neither npm nor Debian has, and files that it opens.
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const STAND_IN = join(import.meta.dirname, "fixtures", "sops", "stand-in.mjs");

export interface SopsCall {
  readonly pid: number;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Puts it into `folder`, which belongs on a PATH. */
export async function installSops(folder: string): Promise<() => Promise<readonly SopsCall[]>> {
  await mkdir(folder, { recursive: true });
  const [file, log] = [join(folder, "sops"), join(folder, "sops.log")];
  await writeFile(log, "");
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${STAND_IN}' '${log}' "$@"\n`);
  await chmod(file, 0o755);
  const calls = async (): Promise<readonly SopsCall[]> => {
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return lines.map((line): SopsCall => JSON.parse(line));
  };
  return calls;
}

interface Odd {
  readonly does?: "hang" | "flood" | "garbage";
  readonly mac?: string;
}

/** Writes a file that only the holder of the identity opens. */
export async function writeSops(file: string, content: unknown, recipient: string, odd: Odd = {}): Promise<void> {
  const text = JSON.stringify(content);
  const mac = createHash("sha512").update(text).digest("hex");
  await mkdir(dirname(file), { recursive: true });
  await writeFile(
    file,
    JSON.stringify({ recipient, data: `ENC[${Buffer.from(text).toString("base64")}]`, mac, ...odd }),
  );
}
