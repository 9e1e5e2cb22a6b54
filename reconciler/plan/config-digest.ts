// The digest that binds a plan to the environment's configuration.
import { type Digest, digestOf } from "../../contracts/canonical.ts";

export interface EnvironmentConfig {
  readonly env: string;
  readonly repo: string;
  readonly ref: string | null;
  readonly path: string;
}

/** Over what makes an environment: a repository, a ref, a directory. */
export function configDigestOf({ env, repo, ref, path }: EnvironmentConfig): Digest {
  return digestOf({ env, repo, ref, path });
}
