// What `reconcile` was asked for, and the environments that it comes to.
import type { EnvironmentSettings } from "../../contracts/environment.ts";
import type { History } from "../../contracts/plan.ts";
import type { SourceSpec } from "../../reconciler/environment-source.ts";
import type { CommonFlags } from "../host.ts";

export interface ReconcileOptions extends CommonFlags {
  readonly repo?: string;
  readonly ref?: string;
  readonly path?: string;
  /** Milliseconds. */
  readonly interval: number;
  readonly once: boolean;
  /** Every environment of `countwheel.yaml`, instead of one. */
  readonly all?: boolean;
  /** Plan and say, write nothing. */
  readonly dryRun?: boolean;
  /** `host:port`: where to hear webhooks. */
  readonly listen?: ListenAddress;
  /** Variables and folders that the Secrets of TaskWebhooks may name. */
  readonly secretEnv?: readonly string[];
  readonly secretDir?: readonly string[];
  readonly ageIdentity?: readonly string[];
  /** `owner/name`: show plans and applies on the pull requests of this repository. */
  readonly github?: string;
  /** How many prunes were confirmed, for one apply. */
  readonly confirmPrunes?: number;
  /** Another file than `countwheel.yaml` at the repository's root. */
  readonly config?: string;
  readonly allowHistory?: readonly History[];
  /** The state was replaced, and that was meant. */
  readonly acceptNewState?: boolean;
  readonly allowUnprotected?: boolean;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** An environment, and where its manifests are. */
export interface Served {
  readonly env: string;
  readonly spec: SourceSpec;
  /** Default: what holds where nobody has written any. */
  readonly settings?: EnvironmentSettings;
  /** Where the settings lie: their relative paths begin there. */
  readonly folder: string;
}
