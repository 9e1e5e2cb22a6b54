// The settings of one environment, out of all that `countwheel.yaml` declares. Pure.
import { defaultSettings, type EnvironmentSettings } from "../../contracts/environment.ts";
import { nearMatch } from "../load/near-match.ts";
import type { Environments } from "./read-environments.ts";
import { SETTINGS_FILE } from "./settings-file.ts";

export interface NamedSettings {
  readonly settings: EnvironmentSettings;
  /** One line for people where the file declares others, and not this one. */
  readonly remark: string | null;
}

/** An environment that the file does not know gets the careful defaults. */
export function settingsNamed(environments: Environments, env: string): NamedSettings {
  const settings = environments.get(env);
  if (settings !== undefined) return { settings, remark: null };
  if (environments.size === 0) return { settings: defaultSettings(env), remark: null };
  const near = nearMatch(env, environments.keys());
  const hint = near === undefined ? "" : ` Did you mean \`${near}\`?`;
  const remark = `${SETTINGS_FILE} has no environment \`${env}\`: the defaults hold.${hint}`;
  return { settings: defaultSettings(env), remark };
}
