// The digest that binds a plan to the environment's configuration.
import { type Digest, digestOf } from "../../contracts/canonical.ts";
import type { EnvironmentSettings } from "../../contracts/environment.ts";

export interface EnvironmentConfig {
  readonly env: string;
  readonly repo: string;
  readonly ref: string | null;
  readonly path: string;
  readonly settings: EnvironmentSettings;
}

/**
 * Over what makes an environment, and over how careful it is. Where it really is counts, not what the settings say. Whom
 * values are sealed for, what previews may take, what GitHub sees and who releases an apply change no plan.
 */
export function configDigestOf({ env, repo, ref, path, settings }: EnvironmentConfig): Digest {
  const { name: _name, repo: _repo, ref: _ref, path: _path, ...rest } = settings;
  const { ageRecipients: _recipients, previews: _previews, github: _github, gate: _gate, ...care } = rest;
  return digestOf({ env, repo, ref, path, care });
}
