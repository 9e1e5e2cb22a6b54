// The desk at which an environment's TaskWebhooks are answered: with the secrets that this process may read.
import type { HookDesk } from "../../reconciler/triggers/hooks/answer-hook.ts";
import { toldOnce } from "../../reconciler/triggers/hooks/told-once.ts";
import { openSecrets } from "../../runner/secrets/secrets.ts";
import type { Host } from "../host.ts";
import { secretAccess } from "../secret-access.ts";
import type { OpenEnvironment } from "./environment.ts";
import type { ReconcileOptions } from "./options.ts";

/** Model keys and the like are the runners': what signs webhooks has names of its own. */
const DEFAULT_PATTERNS: readonly string[] = ["COUNTWHEEL_SECRET_*"];

export function hookDesk(host: Host, options: ReconcileOptions, { loop, state, print }: OpenEnvironment): HookDesk {
  const access = secretAccess(host, options, DEFAULT_PATTERNS);
  return {
    maker: loop.writer,
    state,
    emit: toldOnce(print),
    resolveSecret: (records, reference, namespace, neededBy) =>
      openSecrets(Object.fromEntries(records), access).resolve(reference, namespace, neededBy),
  };
}
