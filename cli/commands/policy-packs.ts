// `policy packs`: policies that people want first. `policy add PACK [dir]`: copies one, with its tests, beside manifests.
import { relative, resolve } from "node:path";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { paintFor, printJson, printList, say } from "../output.ts";
import { packNamed, readPacks } from "../packs.ts";
import { shellWord } from "../plan-source.ts";
import { printWritten, writeAllNew } from "../write-new.ts";

export async function runPolicyPacks(host: Host, { output }: { readonly output: OutputFormat }): Promise<ExitCode> {
  const packs = await readPacks();
  if (output === "json")
    printList(
      host,
      packs.map(({ name, about, files }) => ({ name, about, files: [...files.keys()] })),
    );
  else {
    const paint = paintFor(host.stdout, host.config.color);
    for (const { name, about } of packs) host.stdout.write(`${paint("bold", name)}\n  ${about}\n`);
  }
  say(host, "Next: countwheel policy add <pack> <directory of your manifests>");
  return EXIT.ok;
}

export interface PolicyAddOptions {
  readonly pack: string;
  readonly dir: string;
  readonly output: OutputFormat;
}

/** A copy, so that people read and change what holds for them. Never over a file that is there. */
export async function runPolicyAdd(host: Host, { pack, dir, output }: PolicyAddOptions): Promise<ExitCode> {
  const { name, files } = await packNamed(pack);
  const folder = resolve(host.cwd, dir);
  const written = await writeAllNew(folder, new Map([...files].map(([file, text]) => [`policies/${file}`, text])));
  if (output === "json")
    printJson(host, { formatVersion: "1", pack: name, dir: relative(host.cwd, folder) || ".", files: written });
  else printWritten(host, dir, written);
  say(host, `Next: countwheel validate ${shellWord(dir)}, then countwheel access ${shellWord(dir)}`);
  return EXIT.ok;
}
