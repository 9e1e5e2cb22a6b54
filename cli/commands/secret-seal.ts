// `secret seal`: encrypts a value with age for the runners of an environment, bound to one key of one Secret. The value comes
// from a file, a pipe or a person, never from an argument, and is written nowhere.
import { DEFAULT_NAMESPACE, isName } from "../../contracts/address.ts";
import { placeText, type SealedPlace } from "../../contracts/sealed-text.ts";
import { readSecretRef } from "../../contracts/secret-ref.ts";
import { renderYaml } from "../../reconciler/load/render-yaml.ts";
import { sealedManifest } from "../../reconciler/secrets/write-sealed.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import type { Host, OutputFormat } from "../host.ts";
import { printJson, say, UsageFailure } from "../output.ts";
import { readSecretValue } from "../read-secret.ts";
import { findRecipients, sealValue } from "../seal-value.ts";
import { writeSealedFile } from "../write-sealed-file.ts";

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
  const found = await findRecipients(host, options);
  if (typeof found === "number") return found;
  const value = await readSecretValue(host, options.fromFile);
  const sealed = await sealValue(found, place, value);
  if (options.write !== undefined) await writeSealedFile(host, options.write, place, sealed);
  print(host, options, { place, recipients: found, sealed });
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
