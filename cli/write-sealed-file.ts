// Puts a sealed value into a manifest file, a new one or the one that is there.
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PermanentFailure } from "../contracts/failure.ts";
import type { SealedPlace } from "../contracts/sealed-text.ts";
import { writeSealed } from "../reconciler/secrets/write-sealed.ts";
import type { Host } from "./host.ts";
import { say } from "./output.ts";

/** Throws PermanentFailure SECRET_HAS_PLACE, NOT_EDITABLE, FILE_UNREADABLE or WRITE_FAILED; the file is as it was then. */
export async function writeSealedFile(host: Host, file: string, place: SealedPlace, sealed: string): Promise<void> {
  const path = resolve(host.cwd, file);
  const before = await readOrEmpty(path, file);
  const answer = writeSealed(before, place, sealed);
  switch (answer.outcome) {
    case "written":
      await replaceFile(path, file, answer.text);
      for (const field of answer.removed)
        say(host, `${field} no longer holds \`${place.key}\`. Git remembers it: change the credential.`);
      return;
    case "shadowed":
      throw new PermanentFailure(
        "SECRET_HAS_PLACE",
        `${file}: \`from.${place.key}\` goes before a sealed value: take it away first; nothing was written`,
      );
    case "not-editable":
      throw new PermanentFailure(
        "NOT_EDITABLE",
        `${file} cannot be edited line by line: put what the command prints without --write there; nothing was written`,
      );
  }
}

async function readOrEmpty(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return "";
    throw new PermanentFailure("FILE_UNREADABLE", `\`${file}\` cannot be read`, { cause });
  }
}

/** Beside it first: a file that is cut half-way would be no manifest any more. */
async function replaceFile(path: string, file: string, text: string): Promise<void> {
  try {
    const mode = await stat(path).then(
      (known) => known.mode & 0o777,
      () => 0o644,
    );
    await writeFile(`${path}.new`, text, { mode, flush: true });
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw new PermanentFailure("WRITE_FAILED", `\`${file}\` cannot be written`, { cause });
  }
}
