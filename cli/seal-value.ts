// Seals a value with age for the runners of an environment, bound to one key of one Secret.
import { bindValue, type SealedPlace } from "../contracts/sealed-text.ts";
import { sealFor } from "../runner/secrets/age.ts";
import { findSettings, type SettingsFlags } from "./environment-settings.ts";
import type { ExitCode } from "./exit-codes.ts";
import type { Host } from "./host.ts";
import { UsageFailure } from "./output.ts";

export interface RecipientFlags extends SettingsFlags {
  readonly recipient: readonly string[];
}

/** Those of the command line, otherwise those of the environment's settings. */
export async function findRecipients(host: Host, options: RecipientFlags): Promise<readonly string[] | ExitCode> {
  if (options.recipient.length > 0) return options.recipient;
  const found = await findSettings(host, options);
  if (found.outcome === "invalid") return found.exitCode;
  const { ageRecipients } = found.settings;
  if (ageRecipients.length > 0) return ageRecipients;
  throw new UsageFailure(
    `nobody to seal it for: give --recipient age1…, or \`age_recipients\` of environment \`${options.env}\` in countwheel.yaml`,
  );
}

/** As armored text. Throws UsageFailure where one of them is no recipient. */
export async function sealValue(recipients: readonly string[], place: SealedPlace, value: string): Promise<string> {
  const sealed = await sealFor(recipients, bindValue(place, value));
  if (sealed.outcome === "sealed") return sealed.armored;
  throw new UsageFailure(`\`${sealed.recipient}\` is no age recipient: those begin with \`age1\``);
}
