// `secret seal`: encrypts a value with age for the runners of an environment, bound to one key of one Secret. The value comes
// from a file, a pipe or a person, never from an argument, and is written nowhere.
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { DEFAULT_NAMESPACE, isName } from "../../contracts/address.ts";
import { PermanentFailure } from "../../contracts/failure.ts";
import { bindValue, placeText, type SealedPlace } from "../../contracts/sealed-text.ts";
import { readSecretRef } from "../../contracts/secret-ref.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { sealedManifest, writeSealed } from "../../reconciler/secrets/write-sealed.ts";
import { sealFor } from "../../runner/secrets/age.ts";
import { findSettings } from "../environment-settings.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { readSecretValue } from "../read-secret.ts";

export interface SecretSealOptions {
  /** `name`, `name:key`, `namespace/name:key`. */
  readonly secret: string;
  readonly recipient: readonly string[];
  readonly fromFile?: string;
  /** The manifest file to put it into. */
  readonly write?: string;
  readonly env: string;
  readonly config?: string;
  readonly output: OutputFormat;
}

export async function runSecretSeal(host: Host, options: SecretSealOptions): Promise<ExitCode> {
  const place = placeOf(options.secret);
  const found = await recipientsOf(host, options);
  if (typeof found === "number") return found;
  const value = await readSecretValue(host, options.fromFile);
  const sealed = await sealFor(found, bindValue(place, value));
  if (sealed.outcome === "bad-recipient")
    throw new UsageFailure(`\`${sealed.recipient}\` is no age recipient: those begin with \`age1\``);
  if (options.write !== undefined) await writeInto(host, options.write, place, sealed.armored);
  print(host, options, { place, recipients: found, sealed: sealed.armored });
  return EXIT.ok;
}

function placeOf(text: string): SealedPlace {
  const [place, other] = readSecretRef(text, DEFAULT_NAMESPACE);
  // `a/b` alone could be namespace and name, or name and key.
  if (place === undefined || other !== undefined || !isName(place.namespace) || !isName(place.name))
    throw new UsageFailure(
      `\`${text}\` names no key of a Secret: write \`name\`, \`name:key\` or \`namespace/name:key\``,
    );
  return place;
}

/** Those of the command line, otherwise those of the environment's settings. */
async function recipientsOf(host: Host, options: SecretSealOptions): Promise<readonly string[] | ExitCode> {
  if (options.recipient.length > 0) return options.recipient;
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { ageRecipients } = found.settings;
  if (ageRecipients.length > 0) return ageRecipients;
  throw new UsageFailure(
    `nobody to seal it for: give --recipient age1…, or \`age_recipients\` of environment \`${options.env}\` in countwheel.yaml`,
  );
}

async function writeInto(host: Host, file: string, place: SealedPlace, sealed: string): Promise<void> {
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

interface Sealed {
  readonly place: SealedPlace;
  readonly recipients: readonly string[];
  readonly sealed: string;
}

function print(host: Host, { output, write }: SecretSealOptions, { place, recipients, sealed }: Sealed): void {
  if (output === "json")
    printJson(host, {
      formatVersion: "1",
      ...place,
      recipients,
      sealed,
      ...(write === undefined ? {} : { file: write }),
    });
  else if (write === undefined)
    host.stdout.write(
      output === "yaml" ? sealedManifest(place, sealed) : renderYaml({ sealed: { [place.key]: sealed } }),
    );
  const whom = recipients.length === 1 ? "1 recipient" : `${recipients.length} recipients`;
  if (write === undefined)
    say(host, `Sealed for ${whom}. It opens as \`${placeText(place)}\` only: put it under \`spec\` of that Secret.`);
  else say(host, `${write}: sealed \`${placeText(place)}\` for ${whom}.\nNext: countwheel validate ${write}`);
}
